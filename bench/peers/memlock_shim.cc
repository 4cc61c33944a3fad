// memlock_shim: preloaded into daemons that refuse to start where raising their limit of locked memory is forbidden,
// as it is in many containers.  They only measure here; that their pages are not locked changes nothing they are asked.
#include <sys/resource.h>

extern "C" int setrlimit(__rlimit_resource_t /*resource*/, const rlimit* /*limit*/) noexcept {
    return 0;
}
