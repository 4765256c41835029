# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # variables are shared with the script that sources it
# Finds and starts emulators, for scripts/test_aarch64.sh and scripts/test_processors.sh. Source it from the root of the
# repository, with `scratch` set to a temporary folder. Each find function sets the variable named in its comment, or sets
# `missing` to one line and returns 1.

aarch64_target=aarch64-unknown-linux-gnu
aarch64_home=${AARCH64_HOME:-$HOME/.cache/aarch64-build}
aarch64_library=lib/aarch64/libonnxruntime.so
newest_glibc=2.31
missing=""

absent() {
    missing=$1
    return 1
}

# The newest glibc version that a file needs.
glibc_of() {
    objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1
}

no_newer_than() {
    [[ $(printf '%s\n%s\n' "$1" "$newest_glibc" | sort -V | tail -n 1) == "$newest_glibc" ]]
}

# qemu: user-mode emulator of a machine.
find_qemu() {
    qemu=$(command -v "qemu-$1" || command -v "qemu-$1-static") ||
        absent "qemu-$1 is not installed (Debian's qemu-user or qemu-user-static)"
}

# linker: links for aarch64 against a glibc no newer than JetPack 5's.
find_aarch64_linker() {
    local candidate found rustlib
    rustlib=$(rustc --print sysroot)/lib/rustlib/$aarch64_target/lib
    compgen -G "$rustlib/libstd-*.rlib" >/dev/null || {
        absent "Rust's standard library for $aarch64_target is not installed: rustup target add $aarch64_target (without rustup: the system's package, such as libstd-rust-dev:arm64)"
        return 1
    }
    linker=${CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER:-}
    for candidate in "$aarch64_home/bin/aarch64-linux-gnu-gcc-glibc2.31" aarch64-linux-gnu-gcc; do
        if [[ -z $linker ]] && command -v "$candidate" >/dev/null; then
            linker=$candidate
        fi
    done
    [[ -n $linker ]] || {
        absent "no linker: CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER is not set, and aarch64-linux-gnu-gcc is not installed"
        return 1
    }
    echo 'int main(void) { return 0; }' >"$scratch/probe.c"
    "$linker" -o "$scratch/probe" "$scratch/probe.c" || {
        absent "$linker cannot link a program"
        return 1
    }
    found=$(glibc_of "$scratch/probe")
    no_newer_than "$found" || absent "$linker links against glibc $found or newer, and JetPack 5 has $newest_glibc"
}

# sysroot: an aarch64 C and C++ library.
find_aarch64_sysroot() {
    local candidate
    sysroot=${AARCH64_SYSROOT:-}
    for candidate in "$aarch64_home/sysroot" /usr/aarch64-linux-gnu; do
        if [[ -z $sysroot && -e $candidate/lib/ld-linux-aarch64.so.1 ]]; then
            sysroot=$candidate
        fi
    done
    [[ -n $sysroot ]] || absent "no aarch64 C library: AARCH64_SYSROOT is not set, and /usr/aarch64-linux-gnu does not exist"
}

find_aarch64_library() {
    [[ -e $aarch64_library ]] || absent "$aarch64_library is missing; run scripts/setup.sh aarch64"
}

# emulate: command that runs an x86-64 program on another x86-64 processor.
emulate_x86_64() {
    find_qemu x86_64 && emulate=("$qemu" -cpu "$1")
}

# emulate: command that runs an aarch64 program on a cortex-a57, cortex-a72 or cortex-a76. The sysroot has its own
# /proc/cpuinfo, because ONNX Runtime would read this machine's.
emulate_aarch64() {
    local core part features="fp asimd aes pmull sha1 sha2 crc32 cpuid" root=$scratch/sysroot-$1
    find_qemu aarch64 && find_aarch64_sysroot || return 1
    case $1 in
        cortex-a57) part=0xd07 ;;
        cortex-a72) part=0xd08 ;;
        cortex-a76) part=0xd0b features+=" atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp" ;;
        *)
            absent "unknown processor $1"
            return 1
            ;;
    esac
    mkdir -p "$root/proc"
    ln -sfn "$(realpath "$sysroot")/lib" "$root/lib"
    for core in 0 1; do
        printf 'processor\t: %s\nFeatures\t: %s\nCPU implementer\t: 0x41\n' "$core" "$features"
        printf 'CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: %s\nCPU revision\t: 1\n\n' "$part"
    done >"$root/proc/cpuinfo"
    emulate=("$qemu" -cpu "$1" -L "$root")
}
