/* Preloaded into a llama-server, it makes each computation of a graph take SLOW_MS longer: an engine that is slow
   for a reason that its flags alone tell, however busy the machine is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int ggml_backend_sched_graph_compute_async(void *scheduler, void *graph) {
    static int (*real)(void *, void *);
    if (!real) real = (int (*)(void *, void *))dlsym(RTLD_NEXT, "ggml_backend_sched_graph_compute_async");
    usleep(1000 * atoi(getenv("SLOW_MS")));
    return real(scheduler, graph);
}
