# heartbeat.S: a virtual machine in one boot sector that proves who writes to its disk.
#
# It keeps one record in sector 8 of its boot disk and rewrites it every TICKS timer ticks (55 ms
# each).  Before each write it reads the record again: anything but its own last write was written
# by somebody else, and is counted in the record.  Two copies of this guest on one disk therefore
# see each other within one round, and the counter never goes back to zero.
#
#   offset  0  magic      "HFVM"
#           4  epoch      one more at every boot
#           8  counter    one more at every write
#          12  conflicts  writes of others that were seen
#          16  nonce      drawn at every boot, so that two copies of one epoch differ
#
# The ACPI power button switches it off.  Serial line: S started, X conflict, E disk error, P off.
# Assemble:  as --32 --defsym TICKS=4 heartbeat.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary

    .code16
    .set MAGIC,     0x4d564648
    .set RECORD,    0x8000                  # where the record lies in memory
    .set EPOCH,     RECORD + 4
    .set COUNTER,   RECORD + 8
    .set CONFLICTS, RECORD + 12
    .set NONCE,     RECORD + 16
    .set BIOS_TICKS, 0x46c
    .set PM_STATUS, 0x600                   # PIIX4 power management, where SeaBIOS puts it
    .set PM_ENABLE, 0x602
    .set PM_CONTROL, 0x604
    .set POWER_BUTTON, 0x100
    .set SERIAL,    0x3f8

    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
    cld
    movb %dl, drive
    movw $PM_ENABLE, %dx
    movw $POWER_BUTTON, %ax
    outw %ax, %dx

first_read:
    call read_record
    jnc have_record
    call failed
    jmp first_read
have_record:
    cmpl $MAGIC, RECORD
    je known_disk
    movw $RECORD, %di                       # a disk that was never used
    movw $256, %cx
    xorw %ax, %ax
    rep stosw
    movl $MAGIC, RECORD
known_disk:
    incl EPOCH
    movl EPOCH, %eax
    movl %eax, epoch
    rdtsc
    xorl BIOS_TICKS, %eax
    movl %eax, nonce
    movb $'S', %al
    call say

write_next:
    incl COUNTER
    movl COUNTER, %eax
    movl %eax, counter
    movl nonce, %eax
    movl %eax, NONCE
    call write_record
    jc write_failed
    call wait_ticks
read_again:
    call read_record
    jc read_failed
    movl NONCE, %eax
    cmpl nonce, %eax
    jne conflict
    movl COUNTER, %eax
    cmpl counter, %eax
    je write_next
conflict:
    incl CONFLICTS
    movl epoch, %eax
    movl %eax, EPOCH
    movb $'X', %al
    call say
    jmp write_next

read_failed:
    call failed
    jmp read_again

write_failed:                               # it may have landed or not: either counter is ours
    call failed
    call read_record
    jc write_failed
    movl NONCE, %eax
    cmpl nonce, %eax
    jne conflict
    jmp write_next

failed:                                     # say so, then wait before the next try
    movb $'E', %al
    call say

wait_ticks:
    movw $TICKS, %cx
next_tick:
    hlt
    movw $PM_STATUS, %dx
    inw %dx, %ax
    testw $POWER_BUTTON, %ax
    jnz power_off
    movl BIOS_TICKS, %eax
    cmpl last_tick, %eax
    je next_tick
    movl %eax, last_tick
    loop next_tick
    ret

power_off:
    movb $'P', %al
    call say
    movw $PM_CONTROL, %dx
    movw $0x2000, %ax                       # sleep state S5, now
    outw %ax, %dx
halted:
    hlt
    jmp halted

read_record:
    movb $0x42, %ah
    jmp disk_call
write_record:
    movb $0x43, %ah
disk_call:                                  # BIOS extended read or write; carry set on error
    xorb %al, %al
    movb drive, %dl
    movw $disk_packet, %si
    int $0x13
    ret

say:
    movw $SERIAL, %dx
    outb %al, %dx
    ret

    .align 4
disk_packet:
    .byte 16, 0
    .word 1                                 # one sector
    .word RECORD, 0
    .long 8, 0                              # sector 8
epoch:     .long 0
counter:   .long 0
nonce:     .long 0
last_tick: .long 0
drive:     .byte 0

    .org 510
    .word 0xaa55
