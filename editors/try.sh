#!/bin/sh
# Opens a text with a mistake in each editor that is installed, without a screen, and waits for the
# finding; then steps through a test.  sh editors/try.sh [COMMAND …]   (default: opvasm).  Exit code 1
# where a finding or a step does not come.
cd "$(dirname "$0")" || exit 2
[ $# -gt 0 ] || set -- opvasm
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
printf 'percpu head: u64\nvector push(n: u64) {\n    memcpi  head, n\n}\n' > "$folder/wrong.opv"
cat > "$folder/counter.opv" <<OPV
percpu count: u64
vector bump() {
    add     count, 1
}
test "bump" {
    cpu 0
    run bump() -> 0
    assert count == 1
}
OPV
failed=0

report() { # NAME, FILE that holds what the editor said
    if grep -q 'unknown' "$2" 2>/dev/null; then
        echo "$1: the finding came: $(grep -m1 unknown "$2")"
    else
        echo "$1: no finding came"; cat "$2" 2>/dev/null; failed=1
    fi
}

stepped() { # NAME, FILE that holds the frames at which the editor stopped
    if grep -q '^cpu 0, 6' "$2" 2>/dev/null && grep -q '^run bump() -> 0, 7' "$2"; then
        echo "$1: stepped from $(head -1 "$2") to $(sed -n 2p "$2")"
    else
        echo "$1: no step came"; cat "$2" 2>/dev/null; failed=1
    fi
}

if command -v nvim >/dev/null; then
    words=$(printf '"%s",' "$@")
    cat > "$folder/try.lua" <<LUA
vim.g.opvasm_command = { $words }
dofile("$PWD/neovim/opvasm.lua")
vim.cmd("edit $folder/wrong.opv")
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 100)
local said = {}
for _, each in ipairs(vim.diagnostic.get(0)) do
  table.insert(said, string.format("%d:%d %s", each.lnum + 1, each.col + 1, (each.message:gsub("\n", "; "))))
end
vim.fn.writefile(said, "$folder/nvim.txt")
vim.cmd("qall!")
LUA
    timeout 90 nvim --headless -u NONE -n -S "$folder/try.lua" >/dev/null 2>&1
    report "$(nvim --version | head -1)" "$folder/nvim.txt"
    # nvim-dap is a plugin that Debian does not have: what steps here is opvasm.lua's own command.
    cat > "$folder/step.lua" <<LUA
vim.g.opvasm_command = { $words }
dofile("$PWD/neovim/opvasm.lua")
vim.cmd("edit $folder/counter.opv")
local debugger = opvasm_debug({ test = "bump" })
local said = {}
local function stopped(count)
  vim.wait(60000, function() return #debugger.stops >= count end, 50)
  local frame = debugger.stops[count]
  if frame then table.insert(said, string.format("%s, %d", frame.name, frame.line)) end
end
stopped(1)
debugger.step("next")
stopped(2)
table.insert(said, "cursor " .. vim.fn.line("."))
debugger.stop()
vim.fn.writefile(said, "$folder/nvim-stops.txt")
vim.cmd("qall!")
LUA
    timeout 120 nvim --headless -u NONE -n -S "$folder/step.lua" > "$folder/nvim.log" 2>&1
    [ -s "$folder/nvim-stops.txt" ] || cp "$folder/nvim.log" "$folder/nvim-stops.txt"
    stepped "$(nvim --version | head -1)" "$folder/nvim-stops.txt"
else
    echo "nvim: not installed"
fi

if command -v emacs >/dev/null; then
    words=$(printf '"%s" ' "$@")
    cat > "$folder/try.el" <<LISP
(require 'package)
(package-initialize)
(setq opvasm-command '($words) eglot-sync-connect 60)
(load "$PWD/emacs/opvasm.el")
(find-file "$folder/wrong.opv")
(unless (eglot-managed-p) (call-interactively #'eglot))
(let ((end (+ (float-time) 60)) (found nil))
  (while (and (not found) (< (float-time) end))
    (accept-process-output nil 0.2)
    (flymake-start)
    (setq found (flymake-diagnostics)))
  (with-temp-file "$folder/emacs.txt"
    (dolist (each found) (insert (flymake-diagnostic-text each) "\n"))))
(kill-emacs 0)
LISP
    cat > "$folder/step.el" <<LISP
(require 'package)
(package-initialize)
(setq opvasm-command '($words) lsp-session-file "$folder/lsp" dap-breakpoints-file "$folder/breakpoints"
      dap-auto-show-output nil dap-auto-configure-features nil)
(load "$PWD/emacs/opvasm.el")
(remove-hook 'opv-mode-hook #'eglot-ensure)
(require 'dap-mode)
(find-file "$folder/counter.opv")
(defvar stops nil)
(add-hook 'dap-stack-frame-changed-hook
          (lambda (session)
            (let ((frame (dap--debug-session-active-frame session)))
              (push (format "%s, %s" (gethash "name" frame) (gethash "line" frame)) stops))))
(defun wait-for-stops (count)
  (let ((end (+ (float-time) 60)))
    (while (and (< (length stops) count) (< (float-time) end)) (accept-process-output nil 0.1))))
(dap-debug (list :type "opvasm" :request "launch" :name "bump" :test "bump" :stopOnEntry t
                 :program "$folder/counter.opv"))
(wait-for-stops 1)
(dap-next (dap--cur-session))
(wait-for-stops 2)
(with-temp-file "$folder/emacs-stops.txt" (dolist (each (reverse stops)) (insert each "\n")))
(kill-emacs 0)
LISP
    timeout 120 emacs --batch -l "$folder/try.el" > "$folder/emacs.log" 2>&1
    [ -s "$folder/emacs.txt" ] || cp "$folder/emacs.log" "$folder/emacs.txt"
    report "$(emacs --version | head -1)" "$folder/emacs.txt"
    if [ -d /usr/share/emacs/site-lisp/elpa ] && ls /usr/share/emacs/site-lisp/elpa | grep -q '^dap-mode'; then
        timeout 120 emacs --batch -l "$folder/step.el" > "$folder/emacs.log" 2>&1
        [ -s "$folder/emacs-stops.txt" ] || cp "$folder/emacs.log" "$folder/emacs-stops.txt"
        stepped "$(emacs --version | head -1) with dap-mode" "$folder/emacs-stops.txt"
    else
        echo "emacs: no step, dap-mode is not installed (Debian package elpa-dap-mode)"
    fi
else
    echo "emacs: not installed"
fi
exit $failed
