# shellcheck shell=bash
# Sourced in the repository's root: installs OpenAI's JavaScript client beside a copy of openai_checks.mjs into the folder
# $javascript, which is empty if Node.js or npm cannot be had.

javascript=${SERVE_JAVASCRIPT-build/serve-javascript}
sources=scripts/edgefuse_tools/serve_clients/javascript
mkdir -p "$javascript"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "not run: OpenAI's JavaScript client: Node.js and npm are not installed"
    javascript=
elif ! cmp --silent "$sources/package-lock.json" "$javascript/node_modules/installed.json"; then
    cp "$sources"/package*.json "$javascript"
    if npm ci --prefix "$javascript" --ignore-scripts --no-audit --no-fund --silent; then
        cp "$sources/package-lock.json" "$javascript/node_modules/installed.json"
    else
        echo "not run: OpenAI's JavaScript client: npm cannot install it here"
        javascript=
    fi
fi
[[ -z $javascript ]] || cp "$sources/openai_checks.mjs" "$javascript"
