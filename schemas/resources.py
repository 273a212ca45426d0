"""Names of what agents measure of an attempt: series beside the script's, never a result or an objective."""

#: Percent of one core: 200 is two of them.
CPU = "system/cpu"
MEMORY = "system/memory_mb"
#: Percent of all the graphics cards that it uses.
GPU = "system/gpu"
GPU_MEMORY = "system/gpu_memory_mb"

#: In the order in which they are shown. A script's own series never has one of these names.
RESOURCES = (CPU, MEMORY, GPU, GPU_MEMORY)
