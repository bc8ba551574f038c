#!/usr/bin/env bash
# Unit tests of the kernels on an emulated CPU with AVX-512 (Bochs, a Skylake-X), for machines that have none. A small
# Linux is started there, with the programs and their libraries as all it has; it is hundreds of times slower than a CPU.
# Usage: tests/emulated.sh BUILD    What it makes lies in BUILD/emulated.
set -euo pipefail

build=$(cd "$1" && pwd)
folder=$build/emulated
root=$folder/root # what the emulated machine sees
said=$folder/said.txt
seconds=1500

skip() {
    echo "$1"
    exit 77
}

if grep -q avx512f /proc/cpuinfo; then
    echo "this CPU has AVX-512: the ordinary tests use it"
    exit
fi
for tool in bochs-bin grub-mkrescue xorriso mformat busybox script; do
    command -v "$tool" >/dev/null || skip "no $tool"
done

rm -rf "$folder"
mkdir -p "$root"/{bin,proc,dev,sys,tmp,lib64} "$folder/cd/boot/grub"

# Of a kernel's package only the kernel is taken; none is installed.
kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}')
[ -n "$kernel" ] || skip "no package of a kernel: this is for Debian on amd64"
(cd "$folder" && apt-get download -q "$kernel" && dpkg-deb --extract "$kernel"_*.deb kernel)
cp "$folder"/kernel/boot/vmlinuz-* "$folder/cd/boot/vmlinuz"

programs=(test_numerics test_layers test_model)
cp /bin/busybox "$root/bin/"
for tool in sh mount grep sleep; do ln -s busybox "$root/bin/$tool"; done
for program in "${programs[@]}"; do cp "$build/$program" "$root/bin/"; done
(cd "$build" && ldd "${programs[@]}") | awk '$3 ~ /^\// {print $3}' | sort -u | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"

cat >"$root/init" <<'INIT'
#!/bin/sh
mount -t proc none /proc
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
exec >/dev/ttyS0 2>&1
export OMP_NUM_THREADS=1
tests() {
    "$@" --gtest_brief=1
    echo "status $? of $1"
}
grep -q avx512f /proc/cpuinfo && echo "the CPU has AVX-512"
tests test_numerics --gtest_filter='WindowProduct*:PairProduct*:RowProduct*:*Convolution*:Widen*:Normalize*:FillNormalRows*:Binarize*'
tests test_layers --gtest_filter='-Dense.MakesLongProductsInPieces'
tests test_model --gtest_filter='*Bernoulli*:*Vae*'
echo "all done"
sleep 3600 # until the emulator is ended: the serial line still has to say the rest
INIT
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc) | gzip -1 >"$folder/cd/boot/initrd.gz"

# Of the emulated CPU's two ways to save its registers Linux 6.1 accepts but the older one: bits 321 and 323 off.
cat >"$folder/cd/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
menuentry tests {
    linux /boot/vmlinuz console=ttyS0 quiet clearcpuid=321,323 mitigations=off tsc=reliable lpj=1000000
    initrd /boot/initrd.gz
}
GRUB
grub-mkrescue -o "$folder/cd.iso" "$folder/cd" >"$folder/grub.log" 2>&1
cat >"$folder/bochsrc" <<BOCHS
cpu: model=corei7_skylake_x, count=1, ips=60000000
megs: 1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$folder/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$said
log: $folder/bochs.log
display_library: term
panic: action=fatal
BOCHS
echo c >"$folder/continue" # Debian's Bochs has its debugger in, and waits for a command

: >"$said"
TERM=xterm setsid script -qc "bochs -q -f $folder/bochsrc -rc $folder/continue" /dev/null >"$folder/screen" 2>&1 </dev/null &
emulator=$!
trap 'kill -- -"$emulator" 2>/dev/null || true' EXIT
for ((second = 0; second < seconds; ++second)); do
    if ! kill -0 "$emulator" 2>/dev/null || grep -aqE 'all done|Kernel panic' "$said"; then break; fi
    sleep 1
done

tr -d '\0\r' <"$said"
grep -aq 'the CPU has AVX-512' "$said" || { echo "the emulated Linux did not see AVX-512" && exit 1; }
[ "$(grep -ac '^status 0 of test_' "$said")" -eq "${#programs[@]}" ] || { echo "not all tests passed" && exit 1; }
