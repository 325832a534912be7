; The persistent fork-join thread pool.
;
; One job runs at a time. Its iterations are cut into chunks, the chunks are dealt out as shares, one per thread, and
; whoever has finished its own share takes chunks from the others'. So a thread that sleeps, or was never scheduled, holds
; nobody up: the caller does its share. A second caller (another Python thread, or a parallel loop inside a chunk) finds
; the pool busy and runs its loop by itself.
;
; A share's `left` counts the chunks nobody has taken yet and is above zero only while its job runs. Taking a chunk is one
; compare-and-swap on it, and only its success entitles to read @job: the job cannot end before that chunk is reported.
; A worker with nothing to do watches its own `left`, first spinning for @spin nanoseconds, then sleeping.

%Thread = type {
  i64,       ; 0 left: chunks of its share not taken yet; -1 asks the thread to end
  i32,       ; 1 asleep: it waits on its condition variable (or is about to)
  i32,
  i64,       ; 3 pthread_t
  [8 x i64], ; 4 pthread_mutex_t, at most 64 bytes on the systems we know
  [8 x i64], ; 5 pthread_cond_t
  [13 x i64] ; to 256 bytes, so that no two threads share a cache line or the pair of lines fetched together
}

%Job = type {
  ptr, ; 0 body: i32 (ptr env, i64 begin, i64 end)
  ptr, ; 1 env
  i64, ; 2 begin: the first iteration
  i64, ; 3 size: iterations per chunk; `longer` chunks have one more
  i64, ; 4 longer
  i64, ; 5 share: chunks per thread; the first `richer` threads have one more
  i64, ; 6 richer
  i64  ; 7 chunks in all
}

@threads = internal global [$max_threads x %Thread] zeroinitializer, align 256 ; number 0 stands for the caller
@job = internal global %Job zeroinitializer, align 128
@unfinished = internal global i64 0, align 128 ; chunks of the job not yet reported as run
@failure = internal global i32 0, align 128    ; the first non-zero code of a chunk
@busy = internal global i32 0, align 128       ; 1 while a job runs or the team changes
@alive = internal global i64 1, align 128      ; threads there are, the caller included
@wanted = internal global i64 $threads         ; threads there should be at the next job
@spin = internal global i64 $spin              ; nanoseconds of spinning before sleep
@jobs = internal global i64 0, align 128       ; jobs so far: as long as it changes, spinning goes on

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @clock_gettime(i32, ptr)
declare i32 @sched_yield()
declare i64 @llvm.umin.i64(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; ---- what generated code calls ----

; Run body(env, b, e) over chunks [b, e) that make up [begin, end), in any order and on any threads, and return when all
; are done: the code of the first chunk that failed, or 0. A grain of 0 cuts four chunks per thread, so that a thread that
; comes late leaves little to wait for; a grain above it cuts chunks of at most that many iterations (as many as a thread's
; part: static). Chunks not begun when one fails are skipped.
define i32 @tir_parallel_for(ptr %body, ptr %env, i64 %begin, i64 %end, i64 %grain) {
entry:
  %total = sub i64 %end, %begin
  %some = icmp sgt i64 %total, 0
  br i1 %some, label %ask, label %nothing
nothing:
  ret i32 0
ask:
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %several = icmp ugt i64 %wanted, 1
  %divisible = icmp ugt i64 %total, 1
  %worthwhile = and i1 %several, %divisible
  br i1 %worthwhile, label %claim, label %alone
claim:
  %claimed = cmpxchg ptr @busy, i32 0, i32 1 acquire monotonic
  %free = extractvalue { i32, i1 } %claimed, 1
  br i1 %free, label %team, label %alone
alone:
  %serial = call i32 %body(ptr %env, i64 %begin, i64 %end)
  ret i32 %serial

team:
  call void @resize(i64 %wanted)
  %alive = load atomic i64, ptr @alive monotonic, align 8
  %static = icmp slt i64 %grain, 1
  %divisor = select i1 %static, i64 1, i64 %grain
  %above = add i64 %total, -1
  %full = udiv i64 %above, %divisor
  %pieces = add i64 %full, 1                            ; ceil(total / grain)
  %four.each = shl i64 %alive, 2
  %most = select i1 %static, i64 %four.each, i64 %pieces
  %chunks = call i64 @llvm.umin.i64(i64 %most, i64 %total)
  %members = call i64 @llvm.umin.i64(i64 %alive, i64 %chunks)
  %single = icmp eq i64 %members, 1
  br i1 %single, label %release, label %fork
release:
  store atomic i32 0, ptr @busy release, align 4
  br label %alone

fork:
  %size = udiv i64 %total, %chunks
  %longer = urem i64 %total, %chunks
  %share = udiv i64 %chunks, %members
  %richer = urem i64 %chunks, %members
  store ptr %body, ptr @job
  store ptr %env, ptr getelementptr (%Job, ptr @job, i64 0, i32 1)
  store i64 %begin, ptr getelementptr (%Job, ptr @job, i64 0, i32 2)
  store i64 %size, ptr getelementptr (%Job, ptr @job, i64 0, i32 3)
  store i64 %longer, ptr getelementptr (%Job, ptr @job, i64 0, i32 4)
  store i64 %share, ptr getelementptr (%Job, ptr @job, i64 0, i32 5)
  store i64 %richer, ptr getelementptr (%Job, ptr @job, i64 0, i32 6)
  store i64 %chunks, ptr getelementptr (%Job, ptr @job, i64 0, i32 7)
  store atomic i32 0, ptr @failure monotonic, align 4
  store atomic i64 %chunks, ptr @unfinished monotonic, align 8
  %jobs = load atomic i64, ptr @jobs monotonic, align 8
  %jobs.next = add i64 %jobs, 1
  store atomic i64 %jobs.next, ptr @jobs monotonic, align 8
  br label %deal
deal:
  %d = phi i64 [ 0, %fork ], [ %d.next, %deal ]
  %d.thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %d
  %d.rich = icmp ult i64 %d, %richer
  %d.extra = zext i1 %d.rich to i64
  %d.chunks = add i64 %share, %d.extra
  store atomic i64 %d.chunks, ptr %d.thread release, align 8
  %d.next = add i64 %d, 1
  %d.more = icmp ult i64 %d.next, %members
  br i1 %d.more, label %deal, label %rouse

rouse:
  fence seq_cst ; a thread either sees its share before it sleeps, or is seen asleep here
  br label %each
each:
  %w = phi i64 [ 1, %rouse ], [ %w.next, %each ]
  %w.thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %w
  call void @wake(ptr %w.thread)
  %w.next = add i64 %w, 1
  %w.more = icmp ult i64 %w.next, %members
  br i1 %w.more, label %each, label %join
join:
  call void @work(i64 0)
  call void @await(ptr @threads, ptr @unfinished, i1 true)
  %code = load atomic i32, ptr @failure monotonic, align 4
  store atomic i32 0, ptr @busy release, align 4
  ret i32 %code
}

; ---- working ----

; Take and run chunks, those of thread %self's share first, until no share has any left.
define internal void @work(i64 %self) {
entry:
  %alive = load atomic i64, ptr @alive monotonic, align 8
  br label %owner
owner:
  %distance = phi i64 [ 0, %entry ], [ %distance.next, %report ]
  %place = add i64 %self, %distance
  %wraps = icmp uge i64 %place, %alive
  %wrapped = sub i64 %place, %alive
  %whose = select i1 %wraps, i64 %wrapped, i64 %place
  %thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %whose
  br label %look
look:
  %done = phi i64 [ 0, %owner ], [ %done, %take ], [ %done.next, %ran ]
  %left = load atomic i64, ptr %thread monotonic, align 8
  %any = icmp sgt i64 %left, 0
  br i1 %any, label %take, label %empty
take:
  %fewer = sub i64 %left, 1
  %taken = cmpxchg weak ptr %thread, i64 %left, i64 %fewer acquire monotonic
  %mine = extractvalue { i64, i1 } %taken, 1
  br i1 %mine, label %run, label %look

run:
  %done.next = add i64 %done, 1
  %failed = load atomic i32, ptr @failure monotonic, align 4
  %sound = icmp eq i32 %failed, 0
  br i1 %sound, label %chunk, label %ran
chunk:
  %body = load ptr, ptr @job
  %env = load ptr, ptr getelementptr (%Job, ptr @job, i64 0, i32 1)
  %begin = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 2)
  %size = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 3)
  %longer = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 4)
  %share = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 5)
  %richer = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 6)
  ; the chunk's number: those of the shares before, those of this share, less those left
  %before = mul i64 %whose, %share
  %before.extra = call i64 @llvm.umin.i64(i64 %whose, i64 %richer)
  %first = add i64 %before, %before.extra
  %rich = icmp ult i64 %whose, %richer
  %extra = zext i1 %rich to i64
  %chunks = add i64 %share, %extra
  %past = add i64 %first, %chunks
  %number = sub i64 %past, %left
  ; and its iterations: the longer chunks are spread evenly, so that shares are, too (or come first, where a product
  ; could overflow)
  %all = load i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 7)
  %few = icmp ult i64 %all, 2147483648
  %next = add i64 %number, 1
  %spread = mul i64 %number, %longer
  %spread.even = udiv i64 %spread, %all
  %spread.early = call i64 @llvm.umin.i64(i64 %number, i64 %longer)
  %start.extra = select i1 %few, i64 %spread.even, i64 %spread.early
  %spread.next = add i64 %spread, %longer
  %spread.next.even = udiv i64 %spread.next, %all
  %spread.next.early = call i64 @llvm.umin.i64(i64 %next, i64 %longer)
  %stop.extra = select i1 %few, i64 %spread.next.even, i64 %spread.next.early
  %start = mul i64 %number, %size
  %start.offset = add i64 %start, %start.extra
  %from = add i64 %begin, %start.offset
  %stop = mul i64 %next, %size
  %stop.offset = add i64 %stop, %stop.extra
  %to = add i64 %begin, %stop.offset
  %code = call i32 %body(ptr %env, i64 %from, i64 %to)
  %good = icmp eq i32 %code, 0
  br i1 %good, label %ran, label %fail
fail:
  %first.failure = cmpxchg ptr @failure, i32 0, i32 %code monotonic monotonic
  br label %ran
ran:
  br label %look

empty:
  %idle = icmp eq i64 %done, 0
  br i1 %idle, label %report, label %finish
finish:
  %open = atomicrmw sub ptr @unfinished, i64 %done seq_cst
  %last = icmp eq i64 %open, %done
  br i1 %last, label %tell, label %report
tell:
  call void @wake(ptr @threads)
  br label %report
report:
  %distance.next = add i64 %distance, 1
  %more = icmp ult i64 %distance.next, %alive
  br i1 %more, label %owner, label %out
out:
  ret void
}

; A worker's life. Its argument is its number.
define internal ptr @live(ptr %argument) {
entry:
  %number = ptrtoint ptr %argument to i64
  %thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %number
  br label %loop
loop:
  call void @await(ptr %thread, ptr %thread, i1 false)
  %left = load atomic i64, ptr %thread monotonic, align 8
  %end = icmp slt i64 %left, 0
  br i1 %end, label %out, label %help
help:
  call void @work(i64 %number)
  br label %loop
out:
  ret ptr null
}

; ---- waiting ----

; Wait until *%word is zero (or, where %zero is false, until it is not): spin as long as jobs come and @spin nanoseconds
; more, then sleep as %me.
define internal void @await(ptr %me, ptr %word, i1 %zero) {
entry:
  %clock = alloca [2 x i64]
  br label %burst
burst:
  %i = phi i64 [ 0, %entry ], [ %i.next, %rest ], [ 0, %yield ], [ 0, %awake ]
  %since = phi i64 [ 0, %entry ], [ %since, %rest ], [ %since.next, %yield ], [ 0, %awake ]
  %seen = phi i64 [ -1, %entry ], [ %seen, %rest ], [ %jobs, %yield ], [ -1, %awake ]
  %value = load atomic i64, ptr %word acquire, align 8
  %is.zero = icmp eq i64 %value, 0
  %ready = icmp eq i1 %is.zero, %zero
  br i1 %ready, label %out, label %rest
rest:
  $pause
  %i.next = add i64 %i, 1
  %again = icmp ult i64 %i.next, 64
  br i1 %again, label %burst, label %tick
tick:
  %jobs = load atomic i64, ptr @jobs monotonic, align 8
  call i32 @clock_gettime(i32 $monotonic, ptr %clock)
  %seconds = load i64, ptr %clock
  %fraction.at = getelementptr i64, ptr %clock, i64 1
  %fraction = load i64, ptr %fraction.at
  %nanos = mul i64 %seconds, 1000000000
  %now = add i64 %nanos, %fraction
  %quiet = icmp eq i64 %jobs, %seen
  %since.next = select i1 %quiet, i64 %since, i64 %now
  %spun = sub i64 %now, %since.next
  %limit = load atomic i64, ptr @spin monotonic, align 8
  %tired = icmp uge i64 %spun, %limit
  br i1 %tired, label %sleep, label %yield
yield:
  call i32 @sched_yield() ; what is waited for may need this very processor
  br label %burst

sleep:
  %asleep = getelementptr %Thread, ptr %me, i64 0, i32 1
  %mutex = getelementptr %Thread, ptr %me, i64 0, i32 4
  %condition = getelementptr %Thread, ptr %me, i64 0, i32 5
  call i32 @pthread_mutex_lock(ptr %mutex)
  store atomic i32 1, ptr %asleep seq_cst, align 4
  fence seq_cst
  %value.now = load atomic i64, ptr %word seq_cst, align 8
  %is.zero.now = icmp eq i64 %value.now, 0
  %ready.now = icmp eq i1 %is.zero.now, %zero
  br i1 %ready.now, label %awake, label %wait
wait:
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %awake
awake:
  store atomic i32 0, ptr %asleep monotonic, align 4
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %burst ; whoever woke us may have done our share meanwhile: watch for the next
out:
  ret void
}

; Wake %thread if it sleeps; what it waits for has been stored before.
define internal void @wake(ptr %thread) {
entry:
  %asleep = getelementptr %Thread, ptr %thread, i64 0, i32 1
  %sleeps = load atomic i32, ptr %asleep seq_cst, align 4
  %awake = icmp eq i32 %sleeps, 0
  br i1 %awake, label %out, label %signal
signal:
  %mutex = getelementptr %Thread, ptr %thread, i64 0, i32 4
  %condition = getelementptr %Thread, ptr %thread, i64 0, i32 5
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_signal(ptr %condition)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %out
out:
  ret void
}

; ---- the team ----

; Start or end threads until there are %size, or as many as the system grants. Whoever calls owns @busy.
define internal void @resize(i64 %size) {
entry:
  %attributes = alloca [16 x i64] ; pthread_attr_t and sigset_t: 64 and 128 bytes at most
  %all = alloca [16 x i64]
  %mask = alloca [16 x i64]
  %alive = load atomic i64, ptr @alive monotonic, align 8
  %same = icmp eq i64 %alive, %size
  br i1 %same, label %out, label %change
change:
  %grow = icmp ult i64 %alive, %size
  br i1 %grow, label %prepare, label %shrink

prepare:
  call i32 @pthread_attr_init(ptr %attributes)
  call i32 @pthread_attr_setstacksize(ptr %attributes, i64 8388608)
  ; workers inherit a mask that blocks every signal: those are for Python's main thread
  call i32 @sigfillset(ptr %all)
  call i32 @pthread_sigmask(i32 $sig_setmask, ptr %all, ptr %mask)
  %first = icmp eq i64 %alive, 1
  br i1 %first, label %caller, label %start
caller:
  call void @clear(i64 0)
  br label %start
start:
  %n = phi i64 [ %alive, %prepare ], [ 1, %caller ], [ %n.next, %started ]
  call void @clear(i64 %n)
  %thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %n
  %handle = getelementptr %Thread, ptr %thread, i64 0, i32 3
  %argument = inttoptr i64 %n to ptr
  %error = call i32 @pthread_create(ptr %handle, ptr %attributes, ptr @live, ptr %argument)
  %refused = icmp ne i32 %error, 0
  br i1 %refused, label %grown, label %started
started:
  %n.next = add i64 %n, 1
  %more = icmp ult i64 %n.next, %size
  br i1 %more, label %start, label %grown
grown:
  %count = phi i64 [ %n, %start ], [ %n.next, %started ]
  call i32 @pthread_sigmask(i32 $sig_setmask, ptr %mask, ptr null)
  call i32 @pthread_attr_destroy(ptr %attributes)
  br label %settle

shrink:
  %e = phi i64 [ %size, %change ], [ %e.next, %shrink ]
  %e.thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %e
  store atomic i64 -1, ptr %e.thread seq_cst, align 8
  fence seq_cst
  call void @wake(ptr %e.thread)
  %e.handle = getelementptr %Thread, ptr %e.thread, i64 0, i32 3
  %e.id = load i64, ptr %e.handle
  call i32 @pthread_join(i64 %e.id, ptr null)
  store atomic i64 0, ptr %e.thread monotonic, align 8
  %e.next = add i64 %e, 1
  %e.more = icmp ult i64 %e.next, %alive
  br i1 %e.more, label %shrink, label %settle

settle:
  %now = phi i64 [ %count, %grown ], [ %size, %shrink ]
  store atomic i64 %now, ptr @alive monotonic, align 8
  %kept = cmpxchg ptr @wanted, i64 %size, i64 %now monotonic monotonic ; do not ask again for what the system refused
  br label %out
out:
  ret void
}

; Make thread %n's record fresh.
define internal void @clear(i64 %n) {
  %thread = getelementptr [$max_threads x %Thread], ptr @threads, i64 0, i64 %n
  call void @llvm.memset.p0.i64(ptr %thread, i8 0, i64 256, i1 false)
  %mutex = getelementptr %Thread, ptr %thread, i64 0, i32 4
  %condition = getelementptr %Thread, ptr %thread, i64 0, i32 5
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %condition, ptr null)
  ret void
}

; ---- what pool.py calls ----

; Forget every thread: a forked child has none but its own.
define void @tir_pool_reset() {
  store atomic i64 1, ptr @alive monotonic, align 8
  store atomic i32 0, ptr @busy seq_cst, align 4
  ret void
}

; Let the next parallel loop run on %threads threads, which spin for %nanoseconds before they sleep.
define void @tir_pool_configure(i64 %threads, i64 %nanoseconds) {
  store atomic i64 %threads, ptr @wanted monotonic, align 8
  store atomic i64 %nanoseconds, ptr @spin monotonic, align 8
  ret void
}

; The number of threads the next parallel loop runs on.
define i64 @tir_pool_size() {
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  ret i64 %wanted
}

; End all threads, unless a job is running; loops then run serially.
define void @tir_pool_stop() {
entry:
  store atomic i64 1, ptr @wanted monotonic, align 8
  %claimed = cmpxchg ptr @busy, i32 0, i32 1 acquire monotonic
  %free = extractvalue { i32, i1 } %claimed, 1
  br i1 %free, label %end, label %out
end:
  call void @resize(i64 1)
  store atomic i32 0, ptr @busy release, align 4
  br label %out
out:
  ret void
}
