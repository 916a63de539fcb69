#!/bin/sh
# Opens a sample with a mistake in each editor that is installed, without a screen, and waits for the
# finding: sh editors/try.sh [COMMAND …]   (default: opvasm).  Exit code 1 where one does not come.
cd "$(dirname "$0")" || exit 2
[ $# -gt 0 ] || set -- opvasm
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
printf 'percpu head: u64\nvector push(n: u64) {\n    memcpi  head, n\n}\n' > "$folder/wrong.opv"
failed=0

report() { # NAME, FILE that holds what the editor said
    if grep -q 'unknown' "$2" 2>/dev/null; then
        echo "$1: the finding came: $(grep -m1 unknown "$2")"
    else
        echo "$1: no finding came"; cat "$2" 2>/dev/null; failed=1
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
    timeout 120 emacs --batch -l "$folder/try.el" > "$folder/emacs.log" 2>&1
    [ -s "$folder/emacs.txt" ] || cp "$folder/emacs.log" "$folder/emacs.txt"
    report "$(emacs --version | head -1)" "$folder/emacs.txt"
else
    echo "emacs: not installed"
fi
exit $failed
