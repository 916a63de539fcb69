# The sections that the probe runs (x86-64).  Assembled by tests/probe/test_native.py and compared
# with the bytes in code.py:  as --64 -o x.o x86_64.S && objcopy -O binary x.o x.bin
#
# It begins with a table of offsets, in the order of code.py's LABELS.  The page of shared words
# stands DATA bytes after the beginning: +0 inside (a section has begun), +4 events (counted by
# whoever made something happen, or by the handler here).

.intel_syntax noprefix
.set DATA, 0x10000
.set SIGNATURE, 0x53053053

begin:
        .long wait - begin, wait_start - begin, wait_end - begin, wait_abort - begin
        .long call - begin, call_start - begin, call_end - begin, call_abort - begin
        .long handler - begin, thread_pointer - begin, wait_unsigned - begin

# long wait(area, descriptor, limit): be in a section until something was counted, at most `limit`
# rounds.  Bit 0: the section aborted.  Bit 1: something was counted.
wait:
        lea     r9, [rip + begin + DATA]
        mov     r8d, [r9 + 4]
        mov     [rdi + 8], rsi
wait_start:
        mov     r8d, [r9 + 4]           # read inside: whatever is counted later happened inside
        mov     dword ptr [r9], 1
1:      cmp     [r9 + 4], r8d
        jne     2f
        dec     rdx
        jnz     1b
2:      nop                             # in place of a commit
wait_end:
        xor     ecx, ecx
wait_result:
        mov     dword ptr [r9], 0
        xor     eax, eax
        cmp     [r9 + 4], r8d
        setne   al
        lea     eax, [rax*2 + rcx]
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   SIGNATURE
wait_abort:
        mov     ecx, 1
        jmp     wait_result
        .fill   8, 1, 0x90
wait_unsigned:                          # no signature stands before it
        mov     ecx, 1
        jmp     wait_result

# long call(area, descriptor, number, first, second): a section of one system call.  1: it aborted.
call:
        mov     [rdi + 8], rsi
        mov     rax, rdx
        mov     rdi, rcx
        mov     rsi, r8
        xor     edx, edx
call_start:
        syscall
        nop
call_end:
        xor     eax, eax
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   SIGNATURE
call_abort:
        mov     eax, 1
        ret

handler:                                # of a signal: it counts itself
        lock inc dword ptr [rip + begin + DATA + 4]
        ret

thread_pointer:
        mov     rax, fs:0
        ret
