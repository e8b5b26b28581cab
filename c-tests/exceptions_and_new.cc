// In C++, new and delete of every size, aligned and not, exceptions through frames that own large blocks, bad_alloc for
// the impossible, and blocks of threads that end by an exception.
#include "test.h"
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct alignas(4096) Aligned {
    char bytes[MIB(2)];
};

static int thrown(int depth) {
    std::vector<char> block(MIB(1) + depth * KIB(64), static_cast<char>(depth));
    if (depth == 12) throw std::runtime_error(std::string(300, 'x'));
    return thrown(depth + 1) + block[5];
}

static void work() {
    for (int i = 0; i < 20; i++) {
        try {
            thrown(0);
            CHECK(false);
        } catch (const std::exception &e) {
            CHECK(std::string(e.what()).size() == 300);
        }
        Aligned *a = new Aligned;
        CHECK(reinterpret_cast<uintptr_t>(a) % 4096 == 0);
        memset(a, 1, sizeof *a);
        delete a;
        std::string grows;
        for (int j = 0; j < 18; j++) grows += grows + "abc";
        CHECK(grows.size() > KIB(700) && grows.compare(grows.size() - 3, 3, "abc") == 0);
    }
    volatile size_t impossible = SIZE_MAX / 2;
    try {
        ::operator delete(::operator new(impossible));
        CHECK(false);
    } catch (const std::bad_alloc &) {
    }
    CHECK(::operator new(impossible, std::nothrow) == nullptr);
}

int main() {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++) threads.emplace_back(work);
    for (auto &t : threads) t.join();
    return 0;
}
