/* Has ggml's CPU device tell of FAKE_MEM_MIB of memory, so that an RPC server stands for a GPU of
 * that size. Loaded with LD_PRELOAD; built by tests/rig.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

long sysconf(int name) {
    static long (*real)(int);
    if (!real) real = (long (*)(int)) dlsym(RTLD_NEXT, "sysconf");
    const char *mib = getenv("FAKE_MEM_MIB");
    if (name == _SC_PHYS_PAGES && mib) return atol(mib) * (1024L * 1024L / real(_SC_PAGE_SIZE));
    return real(name);
}
