// The sections that the probe runs (aarch64); x86_64.S says what each is.
.set DATA, 0x10000
.set SIGNATURE, 0xd428bc00

begin:
        .long wait - begin, wait_start - begin, wait_end - begin, wait_abort - begin
        .long call - begin, call_start - begin, call_end - begin, call_abort - begin
        .long handler - begin, thread_pointer - begin, wait_unsigned - begin

wait:                                   // x0 area, x1 descriptor, x2 limit
        adr     x9, begin + DATA
        ldr     w8, [x9, #4]
        str     x1, [x0, #8]
wait_start:
        ldr     w8, [x9, #4]
        mov     w10, #1
        str     w10, [x9]
1:      ldr     w10, [x9, #4]
        cmp     w10, w8
        b.ne    2f
        subs    x2, x2, #1
        b.ne    1b
2:      nop
wait_end:
        mov     w11, #0
wait_result:
        str     wzr, [x9]
        ldr     w10, [x9, #4]
        cmp     w10, w8
        cset    w0, ne
        add     w0, w11, w0, lsl #1
        ret
        .inst   SIGNATURE
wait_abort:
        mov     w11, #1
        b       wait_result
        nop
        nop
wait_unsigned:
        mov     w11, #1
        b       wait_result

call:                                   // x0 area, x1 descriptor, x2 number, x3 first, x4 second
        str     x1, [x0, #8]
        mov     x8, x2
        mov     x0, x3
        mov     x1, x4
        mov     x2, #0
call_start:
        svc     #0
        nop
call_end:
        mov     w0, #0
        ret
        .inst   SIGNATURE
call_abort:
        mov     w0, #1
        ret

handler:
        adr     x9, begin + DATA
        add     x9, x9, #4
1:      ldxr    w10, [x9]
        add     w10, w10, #1
        stxr    w11, w10, [x9]
        cbnz    w11, 1b
        ret

thread_pointer:
        mrs     x0, tpidr_el0
        ret
