# Sanitizers apply to everything in the build, so they are set before any target exists.
# Plain if(): a generator expression breaks when the value holds a comma.
set(HF_SANITIZE "" CACHE STRING "Comma-separated sanitizers: address,undefined or thread")
if(HF_SANITIZE)
    add_compile_options(-fsanitize=${HF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
    add_link_options(-fsanitize=${HF_SANITIZE})
    if(HF_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # GCC's TSan does not model atomic_thread_fence and says so on every use; the code that has
        # fences is checked through its atomics, and the warning would stop the build.
        add_compile_options(-Wno-tsan)
    endif()
endif()
if(HF_COVERAGE)
    add_compile_options(--coverage -fprofile-abs-path)
    add_link_options(--coverage)
endif()
if(HF_GLIBCXX_ASSERTIONS)
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
