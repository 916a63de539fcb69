# What the calling thread runs in place of the system call (x86-64, no stack of the program used).
#
# A slot is one page of this code, followed by the data that the supervisor fills in: stub.py names
# the offsets.  The thread touches every page first, then runs the ops without a system call or a
# fault in between, reports where the supervisor asked for it, puts its scheduling, affinity and
# signal mask back, restores every register and returns to the program.
#
# Assembled by tests/live/test_stub.py and compared with the bytes in stub.py:
#   as --64 -o stub.o stub.S && objcopy -O binary stub.o stub.bin

.intel_syntax noprefix

.set CODE,          0x1000
.set RESULT,        0x00
.set FLAGS,         0x08
.set PHASE,         0x10
.set TOUCH_COUNT,   0x18
.set OP_COUNT,      0x20
.set REPORT_NUMBER, 0x28
.set POLICY,        0x30
.set PRIORITY,      0x38
.set MASK_BYTES,    0x40
.set SIGNAL_MASK,   0x48
.set CHUNK,         0x50        # the most bytes that a copy moves at once
.set RECORD_PAGES,  0x58        # pages of the record that will be written
.set REGISTERS,     0x80        # struct user_regs_struct, 27 words
.set USAGE_BEFORE,  0x180       # struct rusage, 144 bytes each
.set USAGE_AFTER,   0x210
.set VOLUNTARY,     128         # in struct rusage: ru_nvcsw, ru_nivcsw
.set INVOLUNTARY,   136
.set WAITED,        -64         # sums over all calls, at the end of the code's page
.set PREEMPTED,     -56
.set STACK_TOP,     0x300
.set MASK,          0x300       # up to 1024 bytes: 8192 CPUs
.set OPS,           0x700       # 16 of 40 bytes
.set TOUCHES,       0x980       # up to 200 words

.set FLAG_REPORT,   1
.set FLAG_TRAP,     2
.set FLAG_USAGE,    4
.set FLAG_POLICY,   8
.set FLAG_AFFINITY, 16
.set FLAG_SIGNALS,  32

start:
        jmp     enter
        .balign 16
        jmp     finish                  # offset 16: where a fault is sent
        .balign 16
enter:
        cld
        lea     rbx, [rip + start + CODE]
        lea     rsp, [rbx + STACK_TOP]
        mov     qword ptr [rbx + PHASE], 1
        mov     rcx, [rbx + RECORD_PAGES]
        mov     rdi, rbx
touch_record:
        jrcxz   touch_operands
        add     rdi, 0x1000
        lock or byte ptr [rdi], 0
        dec     rcx
        jmp     touch_record
touch_operands:
        xor     r12d, r12d
        mov     r13, [rbx + TOUCH_COUNT]
        lea     r14, [rbx + TOUCHES]
touch:
        cmp     r12, r13
        jae     touched
        mov     rdi, [r14 + r12*8]
        test    dil, 1                  # bit 0: the page is written
        jz      touch_read
        lock or byte ptr [rdi - 1], 0
        jmp     touch_next
touch_read:
        mov     al, [rdi]
touch_next:
        inc     r12
        jmp     touch
touched:
        lea     rsi, [rbx + USAGE_BEFORE]
        call    usage
        mov     qword ptr [rbx + PHASE], 2
        xor     r12d, r12d
        lea     r14, [rbx + OPS]
        mov     r13, [rbx + OP_COUNT]
next_op:
        cmp     r12, r13
        jae     executed
        mov     eax, [r14]              # kind
        mov     ecx, [r14 + 4]          # length
        mov     rdi, [r14 + 8]          # a, dst or p
        mov     rsi, [r14 + 16]         # b, src or the immediate
        mov     r8,  [r14 + 24]         # where to record a, src or the word before
        mov     r9,  [r14 + 32]         # where to record b, dst or the word after
        add     r8, rbx
        add     r9, rbx
        cmp     eax, 2
        jb      compare
        je      copy
        cmp     eax, 9
        jb      word_op
        je      barrier
        mov     qword ptr [rbx + RESULT], -14   # kind 10: this store is known to fault
        jmp     executed
barrier:
        mfence
op_done:
        inc     r12
        add     r14, 40
        jmp     next_op

word_op:                                 # 3 add 4 or 5 and 6 xor 7 lshift 8 rshift
        mov     r10d, eax
        call    load
        mov     [r8], rax
        cmp     r10d, 4
        jb      word_add
        je      word_or
        cmp     r10d, 6
        jb      word_and
        je      word_xor
        mov     r11d, ecx
        mov     ecx, esi
        cmp     r10d, 8
        je      word_rshift
        shl     rax, cl
        jmp     word_shifted
word_rshift:
        shr     rax, cl
word_shifted:
        mov     ecx, r11d
        jmp     word_store
word_add:
        add     rax, rsi
        jmp     word_store
word_or:
        or      rax, rsi
        jmp     word_store
word_and:
        and     rax, rsi
        jmp     word_store
word_xor:
        xor     rax, rsi
word_store:
        mov     [r9], rax
        call    store
        jmp     op_done

copy:
        call    is_word
        jne     copy_pieces
        call    load
        mov     [r9], rax               # what the copy overwrites
        xchg    rdi, rsi
        call    load
        xchg    rdi, rsi
        mov     [r8], rax
        call    store
        jmp     op_done
copy_pieces:                            # each piece is read whole before it is written
        mov     r10d, ecx
        mov     rdx, rsi
        mov     rax, rdi
        mov     rsi, rdi
        mov     rdi, r9
        rep movsb
        mov     rsi, rdx
        mov     r9, rax
copy_piece:
        test    r10d, r10d
        jz      op_done
        mov     r11d, [rbx + CHUNK]
        cmp     r10d, r11d
        cmovb   r11d, r10d
        mov     ecx, r11d
        mov     rdi, r8
        rep movsb
        mov     rdx, rsi
        mov     rsi, r8
        mov     rdi, r9
        mov     ecx, r11d
        rep movsb
        mov     r9, rdi
        mov     r8, rsi
        mov     rsi, rdx
        sub     r10d, r11d
        jmp     copy_piece

compare:
        mov     r10d, eax
        call    is_word
        jne     compare_bytes
        call    load
        mov     [r8], rax
        mov     rdx, rax
        mov     rdi, rsi
        call    load
        mov     [r9], rax
        cmp     rax, rdx
        jmp     compared
compare_bytes:
        mov     edx, ecx
        mov     r11, rsi
        mov     rsi, rdi
        mov     rdi, r8
        rep movsb
        mov     ecx, edx
        mov     rsi, r11
        mov     rdi, r9
        rep movsb
        mov     ecx, edx
        mov     rsi, r8
        mov     rdi, r9
        cmp     eax, eax                # no byte at all is equal
        repe cmpsb
compared:
        setne   al                      # 1: different
        cmp     al, r10b                # eq goes on with 0, ne with 1
        je      op_done
        lea     rax, [r12 + 1]
        mov     [rbx + RESULT], rax

executed:
        mov     qword ptr [rbx + PHASE], 3
        lea     rsi, [rbx + USAGE_AFTER]
        call    usage
        mov     rax, [rbx + USAGE_AFTER + VOLUNTARY]
        sub     rax, [rbx + USAGE_BEFORE + VOLUNTARY]
        add     [rbx + WAITED], rax
        mov     rax, [rbx + USAGE_AFTER + INVOLUNTARY]
        sub     rax, [rbx + USAGE_BEFORE + INVOLUNTARY]
        add     [rbx + PREEMPTED], rax
finish:
        lea     rbx, [rip + start + CODE]
        lea     rsp, [rbx + STACK_TOP]
        mov     qword ptr [rbx + PHASE], 4
        mov     r12, [rbx + FLAGS]
        test    r12d, FLAG_REPORT
        jz      put_back
        test    r12d, FLAG_TRAP
        jz      report_call
        int3
        jmp     put_back
report_call:
        mov     rax, [rbx + REPORT_NUMBER]
        mov     rdi, rbx
        syscall
put_back:
        mov     qword ptr [rbx + PHASE], 5
        test    r12d, FLAG_POLICY
        jz      1f
        mov     eax, 144                # sched_setscheduler(0, policy, &priority)
        xor     edi, edi
        mov     rsi, [rbx + POLICY]
        lea     rdx, [rbx + PRIORITY]
        syscall
1:      test    r12d, FLAG_AFFINITY
        jz      2f
        mov     eax, 203                # sched_setaffinity(0, bytes, mask)
        xor     edi, edi
        mov     rsi, [rbx + MASK_BYTES]
        lea     rdx, [rbx + MASK]
        syscall
2:      mov     qword ptr [rbx + PHASE], 6
        test    r12d, FLAG_SIGNALS
        jz      3f
        mov     eax, 14                 # rt_sigprocmask(SIG_SETMASK, &mask, NULL, 8)
        mov     edi, 2
        lea     rsi, [rbx + SIGNAL_MASK]
        xor     edx, edx
        mov     r10d, 8
        syscall
3:      mov     r15, [rbx + REGISTERS + 0]
        mov     r14, [rbx + REGISTERS + 8]
        mov     r13, [rbx + REGISTERS + 16]
        mov     r12, [rbx + REGISTERS + 24]
        mov     rbp, [rbx + REGISTERS + 32]
        mov     r11, [rbx + REGISTERS + 48]
        mov     r10, [rbx + REGISTERS + 56]
        mov     r9,  [rbx + REGISTERS + 64]
        mov     r8,  [rbx + REGISTERS + 72]
        mov     rcx, [rbx + REGISTERS + 88]
        mov     rdx, [rbx + REGISTERS + 96]
        mov     rsi, [rbx + REGISTERS + 104]
        mov     rdi, [rbx + REGISTERS + 112]
        push    qword ptr [rbx + REGISTERS + 144]
        popfq
        mov     rax, [rip + start + CODE + RESULT]
        mov     rsp, [rip + start + CODE + REGISTERS + 152]
        mov     rbx, [rip + start + CODE + REGISTERS + 40]
        jmp     qword ptr [rip + start + CODE + REGISTERS + 128]

usage:                                  # getrusage(RUSAGE_THREAD, rsi), where asked for
        test    dword ptr [rbx + FLAGS], FLAG_USAGE
        jz      1f
        mov     eax, 98
        mov     edi, 1
        syscall
1:      ret

is_word:                                # ZF: the length is 1, 2, 4 or 8
        cmp     ecx, 8
        je      1f
        cmp     ecx, 4
        je      1f
        cmp     ecx, 2
        je      1f
        cmp     ecx, 1
1:      ret

load:                                   # rax = the ecx bytes at rdi, in one access
        cmp     ecx, 4
        je      4f
        ja      8f
        cmp     ecx, 2
        je      2f
        movzx   eax, byte ptr [rdi]
        ret
2:      movzx   eax, word ptr [rdi]
        ret
4:      mov     eax, [rdi]
        ret
8:      mov     rax, [rdi]
        ret

store:                                  # the ecx bytes at rdi = rax, in one access
        cmp     ecx, 4
        je      4f
        ja      8f
        cmp     ecx, 2
        je      2f
        mov     [rdi], al
        ret
2:      mov     [rdi], ax
        ret
4:      mov     [rdi], eax
        ret
8:      mov     [rdi], rax
        ret
