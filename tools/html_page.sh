#!/bin/sh
# Prints the header html_page.h: style and program of the HTML report as C strings, with the hashes that its security policy names.
#   tools/html_page.sh STYLE.css SCRIPT.js...
set -e
sum() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }
string() { sed 's/\\/\\\\/g; s/"/\\"/g; s/?/\\?/g; s/.*/    "&\\n"/'; }
style=$1
shift
printf '/* Made by tools/html_page.sh. */\n#define HTML_STYLE_SHA256 "%s"\n#define HTML_SCRIPT_SHA256 "%s"\n' \
    "$(sum <"$style")" "$(cat "$@" | sum)"
printf 'static const char HTML_STYLE[] =\n'
string <"$style"
printf '    ;\nstatic const char HTML_SCRIPT[] =\n'
cat "$@" | string
echo '    ;'
