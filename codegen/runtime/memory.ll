; Temporaries of kernels: memory from the system, with a few large blocks kept for the next call.
;
; The C library gives blocks of many megabytes back to the system when freed, and the next one costs a page fault per
; page: milliseconds a call. So blocks of a mebibyte and more wait in @kept for the next kernel that can use them.
; A slot is taken and filled by one atomic exchange, which needs no lock.

%Header = type { ptr, i64, i64 } ; the block as the system gave it, usable bytes, alignment; right before those bytes

@kept = internal global [4 x ptr] zeroinitializer, align 64
@refused = internal global i64 0 ; bytes of the last request the system refused

declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
declare i64 @llvm.umax.i64(i64, i64)

; Memory for %bytes bytes whose address is a multiple of %align (a power of two), or null. Free it with @tir_free.
define noalias ptr @tir_alloc(i64 %bytes, i64 %align) {
entry:
  %block.at = alloca ptr
  %large = icmp uge i64 %bytes, 1048576
  br i1 %large, label %search, label %fresh

search:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %slot = getelementptr [4 x ptr], ptr @kept, i64 0, i64 %i
  %found = atomicrmw xchg ptr %slot, ptr null acq_rel
  %none = icmp eq ptr %found, null
  br i1 %none, label %next, label %measure
measure:
  %header = getelementptr %Header, ptr %found, i64 -1
  %size.at = getelementptr %Header, ptr %header, i64 0, i32 1
  %size = load i64, ptr %size.at
  %alignment.at = getelementptr %Header, ptr %header, i64 0, i32 2
  %alignment = load i64, ptr %alignment.at
  %half = lshr i64 %size, 1
  %suffices = icmp uge i64 %size, %bytes
  %thrifty = icmp ule i64 %half, %bytes
  %aligned = icmp uge i64 %alignment, %align
  %fits.size = and i1 %suffices, %thrifty
  %fits = and i1 %fits.size, %aligned
  br i1 %fits, label %reuse, label %restore
reuse:
  ret ptr %found
restore:
  %displaced = atomicrmw xchg ptr %slot, ptr %found acq_rel
  call void @release(ptr %displaced)
  br label %next
next:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, 4
  br i1 %more, label %search, label %fresh

fresh:
  %room = call i64 @llvm.umax.i64(i64 %align, i64 64) ; for the header, in front
  %sum = call { i64, i1 } @llvm.uadd.with.overflow.i64(i64 %bytes, i64 %room)
  %total = extractvalue { i64, i1 } %sum, 0
  %absurd = extractvalue { i64, i1 } %sum, 1
  br i1 %absurd, label %fail, label %ask
ask:
  %error = call i32 @posix_memalign(ptr %block.at, i64 %room, i64 %total)
  %granted = icmp eq i32 %error, 0
  br i1 %granted, label %stamp, label %fail
stamp:
  %block = load ptr, ptr %block.at
  %memory = getelementptr i8, ptr %block, i64 %room
  %new = getelementptr %Header, ptr %memory, i64 -1
  store ptr %block, ptr %new
  %new.size = getelementptr %Header, ptr %new, i64 0, i32 1
  store i64 %bytes, ptr %new.size
  %new.alignment = getelementptr %Header, ptr %new, i64 0, i32 2
  store i64 %room, ptr %new.alignment
  ret ptr %memory
fail:
  store atomic i64 %bytes, ptr @refused monotonic, align 8
  ret ptr null
}

declare { i64, i1 } @llvm.uadd.with.overflow.i64(i64, i64)

; Free what @tir_alloc gave; null is let through.
define void @tir_free(ptr %memory) {
entry:
  %none = icmp eq ptr %memory, null
  br i1 %none, label %out, label %measure
measure:
  %header = getelementptr %Header, ptr %memory, i64 -1
  %size.at = getelementptr %Header, ptr %header, i64 0, i32 1
  %size = load i64, ptr %size.at
  %above = icmp uge i64 %size, 1048576
  %below = icmp ule i64 %size, 134217728
  %keep = and i1 %above, %below
  br i1 %keep, label %offer, label %give
offer:
  %i = phi i64 [ 0, %measure ], [ %i.next, %offer ]
  %slot = getelementptr [4 x ptr], ptr @kept, i64 0, i64 %i
  %swap = cmpxchg ptr %slot, ptr null, ptr %memory acq_rel monotonic
  %placed = extractvalue { ptr, i1 } %swap, 1
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, 4
  %unplaced = xor i1 %placed, true
  %again = and i1 %unplaced, %more
  br i1 %again, label %offer, label %offered
offered:
  br i1 %placed, label %out, label %give
give:
  call void @release(ptr %memory)
  br label %out
out:
  ret void
}

define internal void @release(ptr %memory) {
entry:
  %none = icmp eq ptr %memory, null
  br i1 %none, label %out, label %give
give:
  %header = getelementptr %Header, ptr %memory, i64 -1
  %block = load ptr, ptr %header
  call void @free(ptr %block)
  br label %out
out:
  ret void
}

; Give the kept blocks back to the system.
define void @tir_trim() {
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %each ]
  %slot = getelementptr [4 x ptr], ptr @kept, i64 0, i64 %i
  %block = atomicrmw xchg ptr %slot, ptr null acq_rel
  call void @release(ptr %block)
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, 4
  br i1 %more, label %each, label %out
out:
  ret void
}

; The size of the last request that failed.
define i64 @tir_refused_bytes() {
  %bytes = load atomic i64, ptr @refused monotonic, align 8
  ret i64 %bytes
}
