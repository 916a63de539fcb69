#!/bin/sh
# Installs VS Code's server with a page for browsers (npm's code-server) and the Node that it asks for
# into .server beside this script, about 900 MB: sh editors/vscode/server.sh.  Without scripts of
# packages: those compile modules that terminals and logs need and the editor does without.
set -eu
cd "$(dirname "$0")"
[ -e .server/.ready ] && exit 0
mkdir -p .server/node .server/code
npm install --silent --no-save --no-package-lock --prefix .server/node node@24.21.0
PATH="$PWD/.server/node/node_modules/node/bin:$PATH"
npm install --silent --no-save --no-package-lock --ignore-scripts --prefix .server/code code-server@4.139.1
cd .server/code/node_modules/code-server/lib/vscode
npm install --silent --omit=dev --omit=optional --ignore-scripts
cd extensions
npm install --silent --omit=dev --ignore-scripts
cd "$OLDPWD/../../../../.."
touch .ready
