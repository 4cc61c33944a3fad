# Warnings for our own targets only.  Third-party headers arrive as SYSTEM and stay quiet.
add_library(hf_warnings INTERFACE)
target_compile_options(hf_warnings INTERFACE
    -Wall -Wextra -Wpedantic
    -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion
    -Wcast-qual -Wold-style-cast -Wformat=2 -Wundef -Wvla -Wswitch-enum
    -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wredundant-decls -Wmissing-declarations
    $<$<BOOL:${HF_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(hf_warnings INTERFACE
        -Wcast-align=strict -Wimplicit-fallthrough=5 -Wsuggest-override
        -Wduplicated-cond -Wduplicated-branches -Wlogical-op)
else()
    target_compile_options(hf_warnings INTERFACE -Wcast-align -Wimplicit-fallthrough -Wthread-safety)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Every source file looks like a header to the compiler when files are joined.
    target_compile_options(hf_warnings INTERFACE -Wno-subobject-linkage)
endif()
if(HF_SANITIZE)
    # GCC 12 raises this one falsely once sanitizers rewrite control flow.
    target_compile_options(hf_warnings INTERFACE -Wno-error=maybe-uninitialized)
endif()
