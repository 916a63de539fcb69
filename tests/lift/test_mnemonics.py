"""Every instruction that the lifter knows, against unicorn: registers, memory, way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.elf.file import open_elf
from opvasm.lift.state import NotLifted
from opvasm.program import section as ir
from tests.audit.sections import linked, linked_bodies
from tests.lift.oracle import compare, lifted, unicorn_of
from tests.lift.vex import NotKnown, VexMachine

# Each runs before a commit of rax to (%rcx); rdi is the area, so that it is left alone.
# Where a 32-bit cmpxchg finds what it expects the processor leaves rax alone; unicorn 2.1.4 and pyvex 9.2.213
# clear its upper half (findings/unicorn_cmpxchg_clears_rax.sh), so that it is clear before.
X86 = """
mov %rsi, %rax | mov %esi, %eax | mov %si, %ax | mov %sil, %al | mov %ah, %bl | mov $-5, %rax
movabs $0x123456789abcdef0, %rax | mov $7, %eax | mov (%rdx), %eax | mov (%rdx), %ax | mov (%rdx), %al
movzbl (%rdx), %eax | movzwl %si, %eax | movsbq (%rdx), %rax | movslq %esi, %rax | movswl %si, %eax
lea 8(%rsi,%rbx,4), %rax | lea (%esi,%ebx), %eax | lea (%esi,%ebx), %rax | lea 3(,%rbx,8), %rax | cltq | cwtl
add %rsi, %rax | add $-1, %rax | add %esi, %eax | sub %rsi, %rax | sub %esi, %eax | sub %al, %bl
and $0xf0, %eax | and %rsi, %rax | or %rsi, %rax | or $1, %al | xor %esi, %eax | xor %eax, %eax
inc %rax | dec %eax | neg %rax | not %eax | neg %esi | inc %ax
shl $3, %rax | shl %rax | shr $5, %eax | sar $63, %rax | sar $3, %esi | shl %cl, %rax | shr %cl, %eax
imul %rsi, %rax | imul $24, %rsi, %rax | imul %esi, %eax
xchg %rax, %rsi | bt $63, %rax; jc out | bt %rsi, %rax; jnc out | btr $63, %rax | bts $5, %rsi | btc $3, %eax
btr %rsi, %rax; jc out
cmp %rsi, %rax; je out | cmp %rsi, %rax; jb out | cmp %rsi, %rax; ja out | cmp %rsi, %rax; jl out
cmp %rsi, %rax; jge out | cmp %esi, %eax; jle out | cmp %esi, %eax; jg out | cmp $3, %al; jbe out
cmp %rsi, (%rdx); jne out | cmpl $2, (%rdx); jae out | cmp (%rdx), %si; jl out
test %rsi, %rax; jz out | test $1, %al; jnz out | test %eax, %eax; js out | test %rax, %rax; jle out
and %rsi, %rax; jg out | or %rsi, %rax; jns out | dec %rax; jz out | sub %rsi, %rax; jb out
add %rsi, %rax; jc out | inc %eax; jne out | neg %rax; jc out | xor %rsi, %rax; jz out
cmp %rsi, %rax; cmovb %rsi, %rax | cmp %rsi, %rax; cmovge (%rdx), %rax | test %esi, %esi; cmove %esi, %eax
cmp %rsi, %rax; sete %al | cmp %rsi, %rax; setb %bl; movzbl %bl, %eax
addq $1, (%rdx) | subl %esi, (%rdx) | orw $3, (%rdx) | xorb %sil, (%rdx) | andq %rsi, (%rdx) | incq (%rdx)
decl (%rdx) | movq $-2, (%rdx) | movb %ah, (%rdx) | mov %si, 2(%rdx) | movnti %rsi, (%rdx)
lock cmpxchg %rsi, (%rdx); jne out | lock addq $1, (%rdx) | lock cmpxchg %sil, (%rdx); jne out
lock cmpxchg %si, (%rdx); jne out | mov %eax, %eax; lock cmpxchg %esi, (%rdx); jne out
cmpxchg %rsi, (%rdx); jne out | cmpxchg %sil, (%rdx); jne out | cmpxchg %si, (%rdx) | mov %eax, %eax; cmpxchg %esi, 4(%rdx); je out
xchg %rax, (%rdx) | xchg %sil, (%rdx) | xchg %esi, 4(%rdx) | lock xadd %rax, (%rdx) | lock xadd %esi, (%rdx); jz out
xadd %rsi, (%rdx) | xadd %ax, (%rdx) | xadd %rsi, %rax | xadd %rax, %rax | lock xadd %sil, (%rdx); js out
lock decl (%rdx); jz out | lock subq %rsi, (%rdx); jb out | lock orb $3, (%rdx) | lock andw %si, (%rdx); js out | lock xorl $-1, (%rdx); jnz out
lock incq (%rdx); jz out | lock notq (%rdx) | lock notw (%rdx) | lock notb (%rdx) | notl (%rdx) | negq (%rdx); jz out
xacquire lock addq %rsi, (%rdx)
movups (%rdx), %xmm0; movups %xmm0, 16(%rdx) | movdqu (%rdx), %xmm3; movdqu %xmm3, 32(%rdx)
add %rsi, %rax; jo out | sub %rsi, %rax; jo out | cmp %esi, %eax; jno out | add %esi, %eax; jl out | add %rsi, %rax; jg out
inc %rax; jl out | dec %rax; jle out | dec %eax; jo out | dec %rbx; jg out
add %rsi, %rax; adc $0, %rdx; mov %rdx, %rax; sub $8, %rdx | cmp %rsi, %rax; sbb %rax, %rax
movq (%rdx), %xmm0; movq %xmm0, %rax | movq %rsi, %xmm1; movups %xmm1, 16(%rdx) | movd %xmm0, %eax; movd %esi, %xmm0
pxor %xmm2, %xmm2; movups %xmm2, 32(%rdx) | movd (%rdx), %xmm0; movd %xmm0, 8(%rdx) | movq %xmm3, %xmm4; movups %xmm4, 32(%rdx)
movq (%rdx), %xmm0; movhps 8(%rdx), %xmm0; movups %xmm0, 32(%rdx) | movhps %xmm2, 16(%rdx) | movlps 8(%rdx), %xmm1; movups %xmm1, 32(%rdx)
movlps %xmm3, (%rdx)
popcnt %rsi, %rax | popcnt %esi, %eax; jz out | popcnt (%rdx), %ax | bswap %rax | bswap %eax
mov %rbx, %rcx; and $3, %ecx; jrcxz 1f; mov $1, %eax; 1: mov %rdx, %rcx | mov %rsi, %rcx; jecxz out; mov %rdx, %rcx
mov $3, %ecx; 1: add %rsi, %rax; loop 1b; mov %rdx, %rcx
nop | pause | mfence | lfence | prefetcht0 (%rdx) | nopl 8(%rax)
1: cmp (%rdx,%rbx,8), %rsi; je 2f; dec %rbx; jnz 1b; mov %rbx, 72(%rdx); 2:
1: dec %rbx; js 3f; cmp (%rdx,%rbx,8), %rsi; je 2f; cmp %rbx, %rax; jne 1b; mov $1, %eax; jmp 3f; 2: mov $2, %eax; 3:
1: dec %rbx; jnz 1b | 1: mov (%rdx,%rbx,8), %rax; mov %rax, 64(%rdx,%rbx,8); dec %rbx; jns 1b
cmp %rsi, %rax; jb 1f; add $5, %rax; 1: | test %rsi, %rsi; jz 1f; jmp 2f; 1: mov $1, %eax; 2:
and $3, %ebx; 1: movq (%rdx,%rbx,8), %xmm0; dec %ebx; jns 1b; movups %xmm0, 32(%rdx)
1: movw (%rdx,%rbx,2), %r8w; dec %rbx; jnz 1b; mov %r8, %rax
mov $3, %ecx; and $7, %esi; 1: add %rsi, %rax; dec %ecx; jnz 1b; mov %rdx, %rcx
"""
ARM = """
mov x1, x2 | mov w1, w2 | mov x1, #5 | mov x1, #-3 | movz x1, #0x1234, lsl #16 | movk x1, #0x55, lsl #32
movn x1, #4 | mvn x1, x2 | rbit x1, x2 | rbit w1, w2 | rev x1, x2 | rev w1, w2 | rev16 x1, x2 | rev32 x1, x2 | neg x1, x2 | neg w1, w2
ror x1, x2, #7 | ror w1, w2, #3 | extr x1, x1, x2, #9 | extr w1, w2, w1, #0 | umaddl x1, w1, w2, x2 | smaddl x1, w1, w2, x2
umull x1, w1, w2 | smull x1, w1, w2 | umsubl x1, w1, w2, x2 | smnegl x1, w1, w2 | fmov x1, d0 | fmov d0, x2; str q0, [x6, #16]
ldr d0, [x6]; str d0, [x6, #8] | ldr s0, [x6]; str q0, [x6, #16] | ldp d0, d1, [x6]; stp d1, d0, [x6, #16]
adds x1, x1, x2; adc x1, x2, xzr | subs x1, x1, x2; sbc x1, x2, x1
adds x1, x1, x2; b.lo out | adds x1, x1, x2; b.vs out | adds w1, w1, w2; b.lt out
subs x1, x1, x2; b.vs out | cmn x1, x2; b.hi out | cmp w1, w2; cinv w1, w2, lt | cmp w1, w2; cneg w1, w2, hs
cmp x1, x2; ccmp x1, #3, #4, lo; b.eq out | cmp x1, #2; ccmp w2, w1, #8, ne; b.lt out | cmp x1, x2; ccmp x2, #1, #2, ge; b.ls out
cmp x1, x2; ccmp x2, x1, #1, hi; b.vc out | tst x1, x2; ccmp x2, #0, #0, eq; b.hi out
add x1, x1, x2 | add x1, x2, #16 | add w1, w1, w2 | add x1, x1, x2, lsl #3 | add x1, x1, w2, uxtw #2
add x1, x1, w2, sxtw | sub x1, x1, x2 | sub w1, w2, #1 | and x1, x2, #0xff | orr x1, x1, x2 | eor w1, w1, w2
bic x1, x1, x2 | orn x1, x1, x2 | eon x1, x1, x2 | lsl x1, x2, #4 | lsr w1, w2, #3 | asr x1, x2, #7
lsl x1, x1, x2 | lsr x1, x1, x2 | asr w1, w1, w2 | mul x1, x1, x2 | madd x1, x1, x2, x4 | msub w1, w1, w2, w4
ubfx x1, x2, #4, #8 | ubfiz x1, x2, #3, #5 | sbfx x1, x2, #4, #8 | sbfiz w1, w2, #3, #5 | bfi x1, x2, #8, #8
bfxil x1, x2, #8, #8 | uxtb w1, w2 | uxth w1, w2 | sxtb x1, w2 | sxth w1, w2 | sxtw x1, w2
ldr x1, [x6] | ldr w1, [x6, #4] | ldrb w1, [x6, #1] | ldrh w1, [x6, #2] | ldrsb x1, [x6] | ldrsh w1, [x6]
ldrsw x1, [x6] | ldur x1, [x6, #-8] | ldr x1, [x6, x7, lsl #3] | ldrh w1, [x6, x7, lsl #1] | ldar x1, [x6]
ldr x1, [x6, w7, uxtw #3] | ldr w1, [x6, w7, sxtw #2] | ldp x1, x4, [x6] | ldp w1, w4, [x6, #8]
ldr x1, [x6], #8 | ldr x1, [x6, #8]! | ldr q0, [x6]; str q0, [x6, #16] | ldp q0, q1, [x6]; stp q0, q1, [x6, #32]
str x2, [x6] | strb w2, [x6] | strh w2, [x6, #2] | stur x2, [x6, #-8] | stp x2, x4, [x6] | str xzr, [x6]
stlr x2, [x6] | str x2, [x6, x7, lsl #3] | str w2, [x6], #4 | stp w2, w4, [x6, #16]
cmp x1, x2; b.eq out | cmp x1, x2; b.lo out | cmp w1, w2; b.hs out | cmp x1, #4; b.hi out | cmp x1, x2; b.ls out
cmp x1, x2; b.lt out | cmp w1, w2; b.ge out | cmp x1, x2; b.gt out | cmp x1, x2; b.le out | cmp x1, x2; b.mi out
cmn x1, #1; b.eq out | tst x1, #1; b.ne out | tst x1, x2; b.eq out | cbz x1, out | cbnz w2, out
tbz x1, #3, out | tbnz w2, #0, out | subs x1, x1, #1; b.eq out | subs w1, w1, w2; b.lo out | adds x1, x1, x2; b.eq out
ands x1, x1, x2; b.ne out | bics x1, x1, x2; b.eq out | cmp x1, w2, uxtb; b.eq out | cmp x1, x2, lsl #2; b.ne out
cmp x1, x2; csel x1, x1, x2, lo | cmp x1, x2; cset x1, eq | cmp x1, x2; csinc x1, x1, x2, ne
cmp x1, x2; csetm x1, hi | cmp w1, w2; csneg w1, w1, w2, lt | cmp x1, x2; cinc x1, x1, eq | cmp x1, x2; csinv x1, x1, x2, ge
1: ldxr x1, [x6]; add x4, x1, x2; stxr w5, x4, [x6]; cbnz w5, 1b | 1: ldaxrb w1, [x6]; orr w4, w1, w2; stlxrb w5, w4, [x6]; cbnz w5, 1b
1: ldaxr w1, [x6]; stlxr w5, w2, [x6]; cbnz w5, 1b | 1: ldxr x1, [x6]; cmp x1, x2; b.ne out; stxr w5, x4, [x6]; cbnz w5, 1b
1: ldxrh w1, [x6]; cmp w1, w2, uxth; b.ne 2f; stxrh w5, w4, [x6]; cbnz w5, 1b; 2: | 1: ldxr x1, [x6]; sub x1, x1, #1; stlxr w5, x1, [x6]; cbnz w5, 1b
1: ldr q4, [x6, x7, lsl #4]; str q4, [x6, #320]; cbz x7, 2f; sub x7, x7, #1; b 1b; 2: | negs x1, x2; b.mi out | nop | dmb ish | prfm pldl1keep, [x6]
1: ldr x1, [x6, x7, lsl #3]; cmp x1, x2; b.eq 2f; subs x7, x7, #1; b.pl 1b; str x7, [x6, #72]; 2:
1: subs x7, x7, #1; b.pl 1b | 1: ldr x1, [x6, x7, lsl #3]; str x1, [x6, #64]; cbz x7, 2f; sub x7, x7, #1; b 1b; 2:
tst x1, x2; b.lo out | tst x1, x2; b.hi out | tst w1, w2; b.ls out | tst x1, x2; adc x1, x1, x2 | ldp x1, xzr, [x6]
1: ldr d0, [x6, x7, lsl #3]; subs x7, x7, #1; b.pl 1b; str q0, [x6, #64]
1: cmp x1, x7; b.eq 2f; subs x7, x7, #1; b.pl 1b; 2: | and x2, x2, #7; 1: cmp x7, x2; b.hs 2f; add x7, x7, #1; b 1b; 2:
cmp x1, x2; b.lo 1f; add x1, x1, #5; 1: | cbz x2, 1f; b 2f; 1: mov x1, #1; 2:
"""
# What the tests' reading of VEX does not work out, and of ARMv8.1 what VEX does not decode.
X86_ALONE = """
add %esi, %eax; adc %ebx, %eax; jc out | cmp %rsi, %rax; sbb %rbx, %rax; jb out
cmp %rsi, %rax; adc %rbx, %rax; jo out | sub %rsi, %rax; sbb $3, %rbx; jl out
movq %rsi, %xmm0; movq %rax, %xmm1; punpcklqdq %xmm1, %xmm0; movups %xmm0, 32(%rdx)
rol $7, %rax | ror $3, %eax | rol %rax | cmp %rsi, %rax; rol $5, %rbx; je out
tzcnt %rsi, %rax | tzcnt %esi, %eax; jc out | tzcnt (%rdx), %rax; jz out | lzcnt %rsi, %rax | lzcnt %esi, %eax; jc out
bsf %si, %ax; jz out | bsr %si, %ax | tzcnt %si, %ax
bsf %rsi, %rax; jz out | bsr %rsi, %rax; jz out
btq $5, (%rdx); jc out | btsq $3, (%rdx) | lock btrw $9, (%rdx); jc out | and $0x7f, %esi; bts %rsi, (%rdx); jnc out
mov $100, %esi; bts %rsi, (%rdx); jnc out | mov $-3, %rsi; lock btc %rsi, 32(%rdx) | lea 8(%eip), %eax
mov %rdx, %r9; lea 3(%rdx), %rdi; mov %rdx, %rsi; movsw; movsb; movsl; movsq; stosw; stosb | bt $3, 4(%rdi); jc out | bt $33, (%rdi); jc out
KEEP; mov $5, %ecx; rep movsq; mov %r10, %rcx; mov %r9, %rdx | KEEP; mov $40, %ecx; rep movsw; mov %r10, %rcx; mov %r9, %rdx
KEEP; mov %r11, %rcx; and $31, %ecx; rep movsq; mov %r10, %rcx; mov %r9, %rdx | KEEP; mov %r11, %rcx; and $31, %ecx; rep movsb; mov %r10, %rcx; mov %r9, %rdx
KEEP; mov %r11, %rcx; and $31, %ecx; rep movsl; mov %r10, %rcx; mov %r9, %rdx | KEEP; mov %r11, %rcx; and $31, %ecx; rep stosl; mov %r10, %rcx; mov %r9, %rdx
KEEP; mov %r11, %rcx; and $31, %ecx; rep stosb; mov %r10, %rcx | KEEP; mov $3, %ecx; rep stosw; mov %r10, %rcx
or $-128, %rsi; btc %rsi, 64(%rdx) | or $-64, %esi; lock bts %esi, 64(%rdx); jc out
""".replace(
    # Target and source overlap, so that units of several bytes differ from bytes one by one.
    *("KEEP", "mov %rdx, %r9; mov %rcx, %r10; lea 3(%rdx), %rdi; mov %rdx, %rsi")
)
ARM_ALONE = """
ldr x1, [x6, xzr] | str w2, [x6, w7, uxtw #2] | ldrsw x1, [x6, w7, sxtw #2] | ldr q2, [x6, w7, uxtw #4]; str q2, [x6, #64]
clz x1, x2 | clz w1, w2 | adds w1, w1, w2; adcs w1, w2, w1; b.hs out | subs w1, w1, w2; sbcs w1, w2, w2; b.lo out
cas x1, x2, [x6] | casb w1, w2, [x6] | casalh w1, w2, [x6] | casa w1, w2, [x6] | stadd x2, [x6]
ldadd x2, x1, [x6] | ldaddalb w2, w1, [x6] | ldclr x2, x1, [x6] | ldclrlh w2, w1, [x6] | ldseta w2, w1, [x6]
ldeoral x2, x1, [x6] | swp x2, x1, [x6] | swpalb w2, w1, [x6] | swpa w2, w1, [x6] | ldadd xzr, x1, [x6] | ldadd x2, xzr, [x6]
stset w2, [x6] | stclr x2, [x6] | stclrb w2, [x6] | steorh w2, [x6] | staddlb w2, [x6]
"""

# Storing instructions that are one step for every CPU: those of ARMv8.1, lock, xchg with memory.
_ONE_STEP = re.compile(
    r"(xacquire |lock |xchg|cas|swp|ldadd|ldset|ldclr|ldeor|st(add|set|clr|eor))"
)
_STORES = {
    "x86-64": re.compile(r"(?!cmp[bwlq]? |btq |prefetch|nop).*(\)$|xchg .*\()"),
    "aarch64": re.compile(r"st(?!l?xr)|cas|swp|ld(add|set|clr|eor)"),
}


def snippets_of(text: str) -> list[str]:
    """The instructions of a table, ``;`` between those of one section."""
    return [each.strip() for line in text.strip().splitlines() for each in line.split("|")]


@pytest.mark.parametrize("oracle", ["unicorn", "vex"])
@pytest.mark.parametrize(
    ("machine", "text", "commit"),
    [("x86-64", X86, "mov %rax, (%rcx)"), ("aarch64", ARM, "str x1, [x3]")],
)
def test_every_mnemonic(machine: str, text: str, commit: str, oracle: str, tmp_path: Path) -> None:
    """Text and machine code end alike from random states, for each instruction, under unicorn and as VEX."""
    snippets = snippets_of(text)
    if oracle == "unicorn":
        snippets += snippets_of(X86_ALONE if machine == "x86-64" else ARM_ALONE)
    bodies = [snippet.replace(";", "\n") + "\n" + commit for snippet in snippets]
    _compare_all(machine, oracle, snippets, bodies, tmp_path)


@pytest.mark.parametrize("oracle", ["unicorn", "vex"])
@pytest.mark.parametrize("machine", ["x86-64", "aarch64"])
def test_every_commit(machine: str, oracle: str, tmp_path: Path) -> None:
    """Each instruction that stores can be a section's last, and so its commit."""
    storing = _storing(machine, atomic=oracle == "unicorn")
    bodies = ["\n".join(parts) for parts in storing]
    _compare_all(machine, oracle, ["; ".join(parts) for parts in storing], bodies, tmp_path)


def _compare_all(
    machine: str, oracle: str, snippets: list[str], bodies: list[str], folder: Path
) -> None:
    """Hold each of these sections against its text in eight states."""
    pytest.importorskip("unicorn")
    executes = VexMachine(machine) if oracle == "vex" else unicorn_of(machine)
    wrong = []
    first = ".arch armv8.1-a\n" if machine == "aarch64" else ""
    bodies = [first + body for body in bodies]
    with open_elf(str(linked_bodies(folder, machine, bodies))) as file:
        found = audit_file(file).sections
        assert len(found) == len(snippets)
        for snippet, section in zip(snippets, found, strict=True):
            subject = section.subject
            try:
                ran, _ = compare(subject, 8, machine=executes)
            except (AssertionError, NotLifted, NotKnown) as error:
                wrong.append(f"{snippet}: {error}")
                continue
            if ran < 3:
                wrong.append(f"{snippet}: only {ran} states ran to an end")
    assert not wrong, "\n".join(wrong)


def _storing(machine: str, atomic: bool = True) -> list[list[str]]:
    """The snippets without a loop up to their last instruction that stores, where one does."""
    found = []
    text = X86 if machine == "x86-64" else ARM + ARM_ALONE if atomic else ARM
    for snippet in snippets_of(text):
        parts = [each.strip() for each in snippet.split(";")]
        while parts and not _STORES[machine].match(parts[-1]):
            parts.pop()
        if parts and not any(":" in each for each in parts):
            found.append(parts)
    return found


@pytest.mark.parametrize("machine", ["x86-64", "aarch64"])
def test_steps_of_what_stores(machine: str, tmp_path: Path) -> None:
    """An instruction that is one step for every CPU is such a step, and no load beside a store."""
    commit = "mov %rax, (%rcx)" if machine == "x86-64" else "str x1, [x3]"
    first = ".arch armv8.1-a\n" if machine == "aarch64" else ""
    storing = _storing(machine)
    assert len(storing) > 30
    bodies = [first + "\n".join([*parts, commit]) for parts in storing]
    with open_elf(str(linked_bodies(tmp_path, machine, bodies))) as file:
        found = audit_file(file).sections
        assert len(found) == len(storing)
        for parts, section in zip(storing, found, strict=True):
            subject = section.subject
            mark = f"{subject.codes[-2].address:x}:"
            steps = [each for each in lifted(subject)[0].section.body if mark in each.remark]
            if _ONE_STEP.match(parts[-1]):
                wanted = [each for each in steps if not isinstance(each, ir.Set)]
                assert len(wanted) == 1, parts
                assert isinstance(wanted[0], ir.AtomicChange | ir.CompareExchange), parts
            else:
                assert any(isinstance(each, ir.Store | ir.Change) for each in steps), parts


def test_a_copy_is_no_commit(tmp_path: Path) -> None:
    """A section that ends with rep movsb is refused for what it is."""
    with open_elf(
        str(linked(tmp_path, body="mov %rcx, %rdi\n mov %rdx, %rsi\n rep movsb"))
    ) as file:
        (section,) = audit_file(file).sections
        with pytest.raises(NotLifted, match="no one step of a copy commits"):
            lifted(section.subject)


@pytest.mark.parametrize("count", ["mov $0x20000, %ecx", "movabs $0x2000000000, %rcx"])
def test_more_rounds_than_a_loop_counts(count: str, tmp_path: Path) -> None:
    """A string instruction of more units than `loop N` has rounds is a loop that breaks, which a text can hold."""
    body = f"{count}\n mov %rdx, %rdi\n rep stosq\n mov %rax, (%rcx)"
    with open_elf(str(linked(tmp_path, body=body))) as file:
        (section,) = audit_file(file).sections
        (loop,) = (
            each for each in lifted(section.subject)[0].section.body if isinstance(each, ir.Loop)
        )
        assert loop.times is None
        assert isinstance(loop.body[0], ir.Break)


def test_a_move_of_strings_does_not_read_what_a_store_of_them_would(tmp_path: Path) -> None:
    """`rep movsq` is lifted also where rax holds what a loop left in it."""
    loop = "1: mov %rbx, %rax\n dec %rbx\n jnz 1b"
    move = "mov %r11, %rcx\n mov %rdx, %rdi\n rep movsq\n mov %r9, (%r10)"
    with open_elf(str(linked(tmp_path, body=f"{loop}\n {move}"))) as file:
        (section,) = audit_file(file).sections
        assert lifted(section.subject)


def test_what_no_step_is(tmp_path: Path) -> None:
    """`lock neg` is refused by name: no step for every CPU takes a word from zero."""
    with open_elf(str(linked(tmp_path, body="lock negq (%rcx)\n mov %rdx, (%rcx)"))) as file:
        (section,) = audit_file(file).sections
        with pytest.raises(NotLifted, match="lock neg"):
            lifted(section.subject)


@pytest.mark.parametrize("body", ["mov (%edx), %rax", "bts %rax, (%edx)", "addr32 rep movsb"])
def test_addresses_of_32_bits(body: str, tmp_path: Path) -> None:
    """An address that the processor cuts to 32 bits is refused: its register is no parameter of its own."""
    with open_elf(str(linked(tmp_path, body=f"{body}\n mov %rax, (%rcx)"))) as file:
        (section,) = audit_file(file).sections
        with pytest.raises(NotLifted, match="is not known to the lifter"):
            lifted(section.subject)


_INTO_THE_AREA = {
    "x86-64": [
        *(
            "bts %rsi, (%rdi)",
            "lock btr %esi, 4(%rdi)",
            "bt %rsi, (%rdi)",
            "mov (%rdi,%rsi,8), %rax",
        ),
        *("mov %eax, 8(%rsi,%rdi)", "lea (%rdi,%rsi), %rbx\nmov 4(%rbx), %eax", "bts $3, 4(%rdi)"),
        *("lock addl $1, -8(%rdi,%rsi)", "mov %rdi, %rsi\nrep movsb", "mov %edx, %eax\nrep stosl"),
        *("mov %rdi, %rbx\nadd %rsi, %rbx\nmov %eax, (%rbx)", "xchg %eax, (%rdi,%rsi,4)"),
    ],
    "aarch64": [
        *("ldr x1, [x0, w2, uxtw #3]", "str w2, [x0, w1, sxtw #2]", "str w1, [x0, x2, lsl #2]"),
        *("ldr x1, [x2, x0]", "add x5, x0, x2\nldr w1, [x5, #4]", "strb w2, [x0, w2, uxtw]"),
    ],
}


@pytest.mark.parametrize(
    ("machine", "body"), [(name, each) for name, all in _INTO_THE_AREA.items() for each in all]
)
def test_an_index_into_the_area_is_refused(machine: str, body: str, tmp_path: Path) -> None:
    """struct rseq with an index that is not known, but for a read of at most four bytes: it is no memory."""
    commit = "mov %rax, (%rcx)" if machine == "x86-64" else "str x1, [x3]"
    with open_elf(str(linked(tmp_path, machine, body=f"{body}\n{commit}"))) as file:
        (section,) = audit_file(file).sections
        with pytest.raises(NotLifted, match="struct rseq"):
            lifted(section.subject)


@pytest.mark.parametrize(
    ("machine", "body"),
    [
        ("x86-64", "mov 0x100(%rdi,%rsi), %rax\n mov %rax, (%rcx)"),
        ("x86-64", "mov $24, %ebx\n mov (%rdi,%rbx), %eax\n mov %rax, (%rcx)"),
        ("aarch64", "add x5, x0, #0x100\n ldr x1, [x5, w2, uxtw #3]\n str x1, [x3]"),
    ],
)
def test_an_index_beside_the_area(machine: str, body: str, tmp_path: Path) -> None:
    """What begins further on is memory, and an index that is a number is a field."""
    with open_elf(str(linked(tmp_path, machine, body=body))) as file:
        (section,) = audit_file(file).sections
        found = lifted(section.subject)[0].section
    reads_id = any(isinstance(t, ir.Id) for s in ir.walk(found.body) for t in ir.terms_of(s))
    assert reads_id == ("$24" in body)


@pytest.mark.parametrize("store", ["stxr w5, w4, [x6]", "stxrb w5, w4, [x6]", "stxr w5, x4, [x6]"])
def test_an_exclusive_store_of_another_width(store: str, tmp_path: Path) -> None:
    """What is stored exclusively must be as wide as what was read: the rest was not compared."""
    load = "ldxrh w1, [x6]" if "x4" in store else "ldxr x1, [x6]"
    body = f"1: {load}\n {store}\n cbnz w5, 1b\n str x1, [x3]"
    with open_elf(str(linked(tmp_path, "aarch64", body=body))) as file:
        (section,) = audit_file(file).sections
        with pytest.raises(NotLifted, match="bytes were read exclusively, and"):
            lifted(section.subject)
