;;; opvasm.el --- texts of cpu_opv and rseq in Emacs  -*- lexical-binding: t -*-
;; Emacs 28 with eglot (Debian: elpa-eglot), or 29 and later, which have it.
;;   (load "…/editors/emacs/opvasm.el")
(require 'eglot)

(defgroup opvasm nil "Vectors of cpu_opv and restartable sequences." :group 'languages)
(defcustom opvasm-command '("opvasm") "The command, as a list of words." :type '(repeat string))

(define-derived-mode opv-mode prog-mode "opv"
  "Texts of cpu_opv vectors and restartable sequences."
  (modify-syntax-entry ?/ ". 124b" opv-mode-syntax-table)
  (modify-syntax-entry ?* ". 23" opv-mode-syntax-table)
  (modify-syntax-entry ?\n "> b" opv-mode-syntax-table)
  (setq-local comment-start "// ")
  (setq-local comment-end "")
  (setq-local indent-line-function #'ignore)) ; eglot-format lays texts out

(add-to-list 'auto-mode-alist '("\\.opv\\'" . opv-mode))
(add-to-list 'eglot-server-programs
             (cons 'opv-mode (lambda (&rest _) (append opvasm-command '("lsp")))))
(add-hook 'opv-mode-hook #'eglot-ensure)

;; dap-mode (Debian: elpa-dap-mode), where it is installed:
;;   (dap-debug (list :type "opvasm" :request "launch" :name "push" :program FILE :test "push"))
(with-eval-after-load 'dap-mode
  (dap-register-debug-provider
   "opvasm" (lambda (asked)
              (plist-put asked :dap-server-path
                         (append opvasm-command '("debug" "--dap" "stdio"))))))

;; dape, where it is installed: M-x dape RET opvasm steps through the first test of the file.
(with-eval-after-load 'dape
  (add-to-list 'dape-configs
               `(opvasm modes (opv-mode) command ,(car opvasm-command)
                        command-args (,@(cdr opvasm-command) "debug" "--dap" "stdio")
                        :type "opvasm" :request "launch" :program dape-buffer-default
                        :stopOnEntry t)))
(provide 'opvasm)
;;; opvasm.el ends here
