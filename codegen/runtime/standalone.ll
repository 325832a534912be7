; What a saved library does when it is loaded: as many threads as the machine has, and none of the parent's in a child.

declare i64 @sysconf(i32)
declare i32 @pthread_atfork(ptr, ptr, ptr)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare void @tir_pool_configure(i64, i64)
declare void @tir_pool_reset()

define internal void @standalone() {
  %online = call i64 @sysconf(i32 84) ; _SC_NPROCESSORS_ONLN
  %some = call i64 @llvm.smax.i64(i64 %online, i64 1)
  %few = call i64 @llvm.smin.i64(i64 %some, i64 $max_threads)
  %given = icmp sgt i64 $given_threads, 0
  %threads = select i1 %given, i64 $given_threads, i64 %few
  call void @tir_pool_configure(i64 %threads, i64 $spin)
  call i32 @pthread_atfork(ptr null, ptr null, ptr @tir_pool_reset)
  ret void
}

@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 65535, ptr @standalone, ptr null }]
