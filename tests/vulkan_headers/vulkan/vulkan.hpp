/* The system's <vulkan/vulkan.hpp>, and what its versions before 1.3.272 lack and llama.cpp's Vulkan backend
 * (build 11434) names: VK_EXT_layer_settings, as Vulkan's registry defines it. Debian 12 has 1.3.239. The
 * Makefile's `vulkan` puts this folder first on the include path. */
#pragma once
#pragma GCC system_header
#include_next <vulkan/vulkan.hpp>

#ifndef VK_EXT_layer_settings
namespace vk {

enum class LayerSettingTypeEXT { eBool32 = 0 };

struct LayerSettingEXT {
    const char *pLayerName;
    const char *pSettingName;
    LayerSettingTypeEXT type;
    uint32_t valueCount;
    const void *pValues;
};

struct LayerSettingsCreateInfoEXT {
    explicit LayerSettingsCreateInfoEXT(const std::vector<LayerSettingEXT> &settings)
        : settingCount(static_cast<uint32_t>(settings.size())), pSettings(settings.data()) {}

    VkStructureType sType = static_cast<VkStructureType>(1000496000);
    const void *pNext = nullptr;
    uint32_t settingCount;
    const LayerSettingEXT *pSettings;
};

}  // namespace vk
#endif
