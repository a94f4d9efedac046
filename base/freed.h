// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_BASE_FREED_H_
#define CALLCONTROL_BASE_FREED_H_

namespace callcontrol {

// A std::unique_ptr's deleter for what a C library frees by the function
// `Free`: std::unique_ptr<X509, Freed<X509_free>>.
template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace callcontrol

#endif  // CALLCONTROL_BASE_FREED_H_
