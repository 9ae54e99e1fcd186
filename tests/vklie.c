/* A Vulkan layer that makes up what a device reports: memory, type, PCI address, name. Built and set up by tests/vulkan.py.
 *
 * FAKE_VULKAN names the devices in the driver's order, each `MIB,TYPE,PCI,NAME`, with `;` between them. TYPE is
 * `discrete` (an own heap beside the host's) or `integrated` (one heap for both); PCI is `0000:03:00.0`, or `-` for none.
 * FAKE_VULKAN_USE is a folder in which every process notes what it holds, a file `PID.PLACE` with bytes: what all of them hold
 * is not free, as on a card. A test notes what other programs hold under a pid that lives. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define MOST 8
#define MIB (1024ULL * 1024ULL)
#define HOST_HEAP (16384ULL * MIB)
#define EXPORT __attribute__((visibility("default")))

typedef struct {
    unsigned long long size;
    int is_integrated, has_pci;
    unsigned domain, bus, slot, function;
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    VkPhysicalDevice handle;
    unsigned long long held; /* by this process */
} Device;

typedef struct {
    VkDevice handle;
    Device *on;
    PFN_vkGetDeviceProcAddr next;
} Opened;

typedef struct {
    VkDeviceMemory handle;
    Device *on;
    unsigned long long size;
} Block;

static Device devices[MOST];
static int n_devices;
static Opened opened[64];
static Block blocks[4096];
static PFN_vkGetInstanceProcAddr next_instance;
static VkInstance instance;

/* Asked for while the instance is made: later the loader gives our own. */
static struct {
    PFN_vkGetPhysicalDeviceProperties properties;
    PFN_vkGetPhysicalDeviceProperties2 properties2;
    PFN_vkGetPhysicalDeviceMemoryProperties memory;
    PFN_vkGetPhysicalDeviceMemoryProperties2 memory2;
    PFN_vkEnumerateDeviceExtensionProperties extensions;
} next;

static void read_devices(void) {
    const char *said = getenv("FAKE_VULKAN");
    for (n_devices = 0; said && *said && n_devices < MOST; n_devices++) {
        Device *it = &devices[n_devices];
        char type[16] = "", pci[16] = "";
        sscanf(said, "%llu,%15[^,],%15[^,],%255[^;]", &it->size, type, pci, it->name);
        it->size *= MIB;
        it->is_integrated = !strcmp(type, "integrated");
        it->has_pci = sscanf(pci, "%x:%x:%x.%x", &it->domain, &it->bus, &it->slot, &it->function) == 4;
        said = strchr(said, ';');
        if (!said++) said = "";
    }
}

static Device *device_of(VkPhysicalDevice handle) {
    for (int i = 0; i < n_devices; i++)
        if (devices[i].handle == handle) return &devices[i];
    return NULL;
}

static Opened *opened_of(VkDevice handle) {
    for (int i = 0; i < 64; i++)
        if (opened[i].handle == handle) return &opened[i];
    return NULL;
}

static void note(const Device *it) {
    const char *folder = getenv("FAKE_VULKAN_USE");
    char path[4096];
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%d.%d", folder, getpid(), (int) (it - devices));
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%llu", it->held);
    fclose(file);
}

/* Bytes that processes hold, those that have ended left out. */
static unsigned long long in_use(const Device *it) {
    const char *folder = getenv("FAKE_VULKAN_USE");
    DIR *all = folder ? opendir(folder) : NULL;
    if (!all) return it->held;
    unsigned long long sum = 0, size;
    for (struct dirent *one; (one = readdir(all));) {
        int pid, place;
        char path[4096], process[32];
        if (sscanf(one->d_name, "%d.%d", &pid, &place) != 2 || place != it - devices) continue;
        snprintf(process, sizeof process, "/proc/%d", pid);
        snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
        FILE *file = access(process, F_OK) ? NULL : fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &size) == 1) sum += size;
        fclose(file);
    }
    closedir(all);
    return sum;
}

/* ---- what is made up ---- */

static void lie_properties(const Device *it, VkPhysicalDeviceProperties *found) {
    found->deviceType = it->is_integrated ? VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU : VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    if (it->name[0]) strcpy(found->deviceName, it->name);
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice handle, VkPhysicalDeviceProperties *found) {
    next.properties(handle, found);
    const Device *it = device_of(handle);
    if (it) lie_properties(it, found);
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice handle, VkPhysicalDeviceProperties2 *found) {
    next.properties2(handle, found);
    const Device *it = device_of(handle);
    if (!it) return;
    lie_properties(it, &found->properties);
    for (VkBaseOutStructure *more = found->pNext; more; more = more->pNext) {
        if (more->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT) {
            VkPhysicalDevicePCIBusInfoPropertiesEXT *bus = (void *) more;
            bus->pciDomain = it->domain, bus->pciBus = it->bus, bus->pciDevice = it->slot, bus->pciFunction = it->function;
        } else if (more->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES) {
            ((VkPhysicalDeviceIDProperties *) more)->deviceUUID[VK_UUID_SIZE - 1] = (uint8_t) (1 + (it - devices));
        }
    }
}

static void lie_memory(const Device *it, VkPhysicalDeviceMemoryProperties *found) {
    found->memoryHeaps[0].size = it->size;
    if (it->is_integrated) return; /* lavapipe has one heap and one type, for everything */
    found->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    found->memoryHeapCount = found->memoryTypeCount = 2;
    found->memoryHeaps[1] = (VkMemoryHeap){.size = HOST_HEAP};
    found->memoryTypes[1] = (VkMemoryType){
        .heapIndex = 1,
        .propertyFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                         VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    };
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice handle, VkPhysicalDeviceMemoryProperties *found) {
    next.memory(handle, found);
    const Device *it = device_of(handle);
    if (it) lie_memory(it, found);
}

static VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice handle, VkPhysicalDeviceMemoryProperties2 *found) {
    next.memory2(handle, found);
    const Device *it = device_of(handle);
    if (!it) return;
    lie_memory(it, &found->memoryProperties);
    for (VkBaseOutStructure *more = found->pNext; more; more = more->pNext) {
        if (more->sType != VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT) continue;
        VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = (void *) more;
        unsigned long long others = in_use(it) - it->held;
        memset(budget->heapBudget, 0, sizeof budget->heapBudget);
        memset(budget->heapUsage, 0, sizeof budget->heapUsage);
        budget->heapBudget[0] = others < it->size ? it->size - others : 0;
        budget->heapUsage[0] = it->held < budget->heapBudget[0] ? it->held : budget->heapBudget[0];
        budget->heapBudget[1] = HOST_HEAP;
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL list_extensions(
    VkPhysicalDevice handle, const char *layer, uint32_t *count, VkExtensionProperties *found) {
    const Device *it = device_of(handle);
    if (!it || layer) return next.extensions(handle, layer, count, found);
    static const char *const added[] = {"VK_EXT_memory_budget", "VK_EXT_pci_bus_info"};
    VkExtensionProperties all[512];
    uint32_t n = 510;
    VkResult result = next.extensions(handle, NULL, &n, all);
    if (result != VK_SUCCESS) return result;
    for (int i = 0; i < 1 + it->has_pci; i++) {
        all[n] = (VkExtensionProperties){.specVersion = 1};
        strcpy(all[n++].extensionName, added[i]);
    }
    if (found) {
        if (*count < n) n = *count, result = VK_INCOMPLETE;
        memcpy(found, all, n * sizeof *all);
    }
    *count = n;
    return result;
}

/* ---- what is held ---- */

static VKAPI_ATTR void VKAPI_CALL get_requirements(VkDevice handle, VkBuffer buffer, VkMemoryRequirements *found) {
    Opened *on = opened_of(handle);
    ((PFN_vkGetBufferMemoryRequirements) on->next(handle, "vkGetBufferMemoryRequirements"))(handle, buffer, found);
    if (on->on && !on->on->is_integrated) found->memoryTypeBits = 3;
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate(
    VkDevice handle, const VkMemoryAllocateInfo *wanted, const VkAllocationCallbacks *by, VkDeviceMemory *got) {
    Opened *on = opened_of(handle);
    Device *it = on->on;
    VkMemoryAllocateInfo real = *wanted;
    real.memoryTypeIndex = 0;
    int counts = it && wanted->memoryTypeIndex == 0;
    if (counts && in_use(it) + wanted->allocationSize > it->size) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    VkResult result = ((PFN_vkAllocateMemory) on->next(handle, "vkAllocateMemory"))(handle, &real, by, got);
    for (int i = 0; counts && result == VK_SUCCESS && i < 4096; i++) {
        if (blocks[i].handle) continue;
        blocks[i] = (Block){*got, it, wanted->allocationSize};
        it->held += wanted->allocationSize;
        note(it);
        break;
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL release(VkDevice handle, VkDeviceMemory memory, const VkAllocationCallbacks *by) {
    for (int i = 0; memory && i < 4096; i++) {
        if (blocks[i].handle != memory) continue;
        blocks[i].on->held -= blocks[i].size;
        note(blocks[i].on);
        blocks[i].handle = VK_NULL_HANDLE;
        break;
    }
    ((PFN_vkFreeMemory) opened_of(handle)->next(handle, "vkFreeMemory"))(handle, memory, by);
}

/* ---- the chain of layers ---- */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(
    const VkInstanceCreateInfo *wanted, const VkAllocationCallbacks *by, VkInstance *got) {
    VkLayerInstanceCreateInfo *link = (void *) wanted->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO)
        link = (void *) link->pNext;
    next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateInstance) next_instance(NULL, "vkCreateInstance"))(wanted, by, got);
    if (result != VK_SUCCESS) return result;
    instance = *got;
    next.properties = (void *) next_instance(instance, "vkGetPhysicalDeviceProperties");
    next.properties2 = (void *) next_instance(instance, "vkGetPhysicalDeviceProperties2");
    next.memory = (void *) next_instance(instance, "vkGetPhysicalDeviceMemoryProperties");
    next.memory2 = (void *) next_instance(instance, "vkGetPhysicalDeviceMemoryProperties2");
    next.extensions = (void *) next_instance(instance, "vkEnumerateDeviceExtensionProperties");
    read_devices();
    VkPhysicalDevice handles[MOST];
    uint32_t n = MOST;
    ((PFN_vkEnumeratePhysicalDevices) next_instance(instance, "vkEnumeratePhysicalDevices"))(instance, &n, handles);
    for (uint32_t i = 0; i < n; i++) devices[i].handle = (int) i < n_devices ? handles[i] : VK_NULL_HANDLE;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(
    VkPhysicalDevice on, const VkDeviceCreateInfo *wanted, const VkAllocationCallbacks *by, VkDevice *got) {
    VkLayerDeviceCreateInfo *link = (void *) wanted->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO)
        link = (void *) link->pNext;
    PFN_vkGetInstanceProcAddr up = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    PFN_vkGetDeviceProcAddr of_next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateDevice) up(instance, "vkCreateDevice"))(on, wanted, by, got);
    Opened *place = opened_of(VK_NULL_HANDLE);
    if (result == VK_SUCCESS && place) *place = (Opened){*got, device_of(on), of_next};
    return result;
}

static VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice handle, const VkAllocationCallbacks *by) {
    if (!handle) return;
    Opened *on = opened_of(handle);
    PFN_vkDestroyDevice destroy = (void *) on->next(handle, "vkDestroyDevice");
    on->handle = VK_NULL_HANDLE;
    destroy(handle, by);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_device(VkDevice handle, const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_instance(VkInstance handle, const char *name);

static const struct {
    const char *name;
    void *function;
    int is_of_device;
} ours[] = {
    {"vkGetInstanceProcAddr", of_instance, 0},
    {"vkCreateInstance", create_instance, 0},
    {"vkCreateDevice", create_device, 0},
    {"vkGetPhysicalDeviceProperties", get_properties, 0},
    {"vkGetPhysicalDeviceProperties2", get_properties2, 0},
    {"vkGetPhysicalDeviceProperties2KHR", get_properties2, 0},
    {"vkGetPhysicalDeviceMemoryProperties", get_memory, 0},
    {"vkGetPhysicalDeviceMemoryProperties2", get_memory2, 0},
    {"vkGetPhysicalDeviceMemoryProperties2KHR", get_memory2, 0},
    {"vkEnumerateDeviceExtensionProperties", list_extensions, 0},
    {"vkGetDeviceProcAddr", of_device, 1},
    {"vkDestroyDevice", destroy_device, 1},
    {"vkGetBufferMemoryRequirements", get_requirements, 1},
    {"vkAllocateMemory", allocate, 1},
    {"vkFreeMemory", release, 1},
};

static PFN_vkVoidFunction our(const char *name, int only_of_device) {
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcmp(ours[i].name, name) && (!only_of_device || ours[i].is_of_device)) return (PFN_vkVoidFunction) ours[i].function;
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_device(VkDevice handle, const char *name) {
    PFN_vkVoidFunction found = our(name, 1);
    return found ? found : opened_of(handle)->next(handle, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL of_instance(VkInstance handle, const char *name) {
    PFN_vkVoidFunction found = our(name, 0);
    return found ? found : next_instance(handle, name);
}

EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *with) {
    with->loaderLayerInterfaceVersion = 2;
    with->pfnGetInstanceProcAddr = of_instance;
    with->pfnGetDeviceProcAddr = of_device;
    with->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
