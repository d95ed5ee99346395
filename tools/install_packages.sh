#!/usr/bin/env bash
# Installs what building, the demo or testing needs on Debian and its relatives, as root or through sudo. Elsewhere, and where it may
# not, it says which packages are missing and leaves; what needs them will say so again.
#   tools/install_packages.sh [build] [demo] [test]     default: build test
build="build-essential pkg-config libpcre2-dev liburing-dev libxml2-dev libarchive-dev libsqlite3-dev libcurl4-openssl-dev poppler-utils"
demo="python3 python3-pip ca-certificates"
test="python3 python3-pip clang llvm qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
[ $# -gt 0 ] || set -- build test
packages=
for group in "$@"; do
    packages+=" ${!group}"
done

if ! command -v dpkg-query >/dev/null; then
    echo "skipped: installing packages: this is no Debian; needed, by Debian's names:$packages"
    exit 0
fi
missing=()
for package in $packages; do
    # A tool that came another way will do.
    case $package in
    python3) command -v python3 >/dev/null && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

apt=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -qq -oDPkg::Lock::Timeout=120)
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "skipped: installing packages: neither root nor sudo without a password; missing: ${missing[*]}"
        exit 0
    fi
    apt=(sudo -n "${apt[@]}")
fi
echo "installing ${missing[*]}"
"${apt[@]}" update </dev/null
if ! "${apt[@]}" -y install "${missing[@]}" </dev/null >/dev/null; then # one that is not to be had keeps the others away
    for package in "${missing[@]}"; do
        "${apt[@]}" -y install "$package" </dev/null >/dev/null || echo "skipped: apt-get could not install $package"
    done
fi
exit 0
