// Boost without exceptions wants these two from whoever uses it.  Nothing that the project calls
// gets here; if it does, it is a bug, and ends like every other broken check.
#include <exception>

#include <boost/throw_exception.hpp>

#include "engine/base/check.h"

#if defined(BOOST_NO_EXCEPTIONS)

namespace boost {

void throw_exception(const std::exception& error) {
    holdfast::check_failed(__FILE__, __LINE__, error.what());
}

void throw_exception(const std::exception& error, const source_location& location) {
    holdfast::check_failed(location.file_name(), static_cast<int>(location.line()), error.what());
}

}  // namespace boost

#endif
