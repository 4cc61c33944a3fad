// The directed tests over the mutant build: HF_MUTANT names the fault that is planted; without it there is none.
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/mutants/catalogue.h"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (const char* name = std::getenv("HF_MUTANT"); name != nullptr) {
        const auto mutant = holdfast::mutants::mutant_named(name);
        if (!mutant) {
            std::fprintf(stderr, "no mutant is called '%s'\n", name);
            return 2;
        }
        holdfast::mutants::plant(*mutant);
    }
    return RUN_ALL_TESTS();
}
