// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_BASE_HASH_H_
#define CALLCONTROL_BASE_HASH_H_

#include <string>
#include <string_view>

namespace callcontrol {

enum class HashAlgorithm { kMd5, kSha256 };

// The hash of `text` in lower-case hexadecimal digits. Empty where the crypto
// library refuses the algorithm, as one in FIPS mode does MD5.
std::string HexHash(HashAlgorithm algorithm, std::string_view text);

}  // namespace callcontrol

#endif  // CALLCONTROL_BASE_HASH_H_
