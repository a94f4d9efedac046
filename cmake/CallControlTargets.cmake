# SPDX-License-Identifier: Apache-2.0

# The only functions that create targets in this project. Each target names its
# own sources and its own dependencies, so the dependency rules of
# docs/architecture.md can be read off the CMakeLists.txt files.

# Warnings and sanitizers, in one place, attached to every target we own.
add_library(callcontrol_options INTERFACE)
target_compile_options(callcontrol_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Werror=thread-safety>)
if(CALLCONTROL_SANITIZE)
  string(REPLACE ";" "," _sanitizers "${CALLCONTROL_SANITIZE}")
  target_compile_options(callcontrol_options INTERFACE
    -O1 -fsanitize=${_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(callcontrol_options INTERFACE -fsanitize=${_sanitizers})
endif()

# callcontrol_library(NAME <name> HDRS ... [SRCS ...] DEPS ... [PRIVATE_DEPS ...])
#
# Makes target callcontrol_<name> and alias callcontrol::<name>. PRIVATE_DEPS
# are not visible to users of the library: that is how Sofia-SIP stays behind
# callcontrol::sip_sofia.
function(callcontrol_library)
  cmake_parse_arguments(ARG "" "NAME" "HDRS;SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(callcontrol_${ARG_NAME} STATIC ${ARG_SRCS})
  add_library(callcontrol::${ARG_NAME} ALIAS callcontrol_${ARG_NAME})
  # The header set puts the project root on the include path, and the build
  # compiles each header on its own (VERIFY_INTERFACE_HEADER_SETS).
  target_sources(callcontrol_${ARG_NAME} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HDRS})
  set_target_properties(callcontrol_${ARG_NAME} PROPERTIES
    VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(callcontrol_${ARG_NAME}
    PUBLIC ${ARG_DEPS}
    PRIVATE ${ARG_PRIVATE_DEPS} callcontrol_options)
endfunction()

# callcontrol_executable(NAME <name> SRCS ... DEPS ...)
#
# A program that is shipped; lands in build/<preset>/bin/.
function(callcontrol_executable)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  set_target_properties(${ARG_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} callcontrol_options)
  install(TARGETS ${ARG_NAME} RUNTIME)
endfunction()

# callcontrol_test(NAME <name> SRCS ... DEPS ... LABEL <label>)
#
# One gtest binary. With label "unit" it is one ctest entry: a process for each
# of a thousand tests takes longer than the tests. With any other label every
# TEST becomes an entry of its own (one label only: gtest_discover_tests loses
# the rest of a list).
function(callcontrol_test)
  cmake_parse_arguments(ARG "" "NAME;LABEL" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME}
    PRIVATE ${ARG_DEPS} GTest::gmock_main callcontrol_options)
  if(ARG_LABEL STREQUAL "unit")
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} --gtest_brief=1)
    set_tests_properties(${ARG_NAME} PROPERTIES
      LABELS unit TIMEOUT ${CALLCONTROL_TEST_TIMEOUT})
    return()
  endif()
  # PRE_TEST: the tests are listed by ctest, under its environment, and not by
  # the build, where ThreadSanitizer would miss its suppressions.
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${CALLCONTROL_TEST_TIMEOUT})
endfunction()

# callcontrol_fuzzer(NAME <name> SRCS ... DEPS ...)
#
# A libFuzzer program, part of the target "fuzzers". What it fuzzes has to be
# built with -fsanitize=fuzzer-no-link, which the preset "fuzz" sees to.
function(callcontrol_fuzzer)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} EXCLUDE_FROM_ALL ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} callcontrol_options)
  target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${ARG_NAME})
endfunction()

# callcontrol_proto_library(NAME <name> PROTOS a/v1/x.proto ...)
#
# Generates C++ and gRPC sources for PROTOS (paths relative to proto/).
function(callcontrol_proto_library)
  cmake_parse_arguments(ARG "" "NAME" "PROTOS" ${ARGN})
  set(out "${CMAKE_CURRENT_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(sources "")
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    set(generated "${out}/${stem}.pb.cc" "${out}/${stem}.grpc.pb.cc")
    add_custom_command(
      OUTPUT ${generated}
      COMMAND protobuf::protoc
        --proto_path=${CMAKE_CURRENT_SOURCE_DIR}
        --cpp_out=${out} --grpc_out=${out}
        --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
        ${proto}
      WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
      DEPENDS ${proto}
      COMMENT "Generating C++ from ${proto}"
      VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  add_library(callcontrol_${ARG_NAME} STATIC ${sources})
  add_library(callcontrol::${ARG_NAME} ALIAS callcontrol_${ARG_NAME})
  # SYSTEM: generated code is not held to our warning flags.
  target_include_directories(callcontrol_${ARG_NAME} SYSTEM PUBLIC "${out}")
  target_link_libraries(callcontrol_${ARG_NAME}
    PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  # protobuf's headers lay messages out differently under ThreadSanitizer, so
  # generated code has to be built like the code that uses it.
  if(CALLCONTROL_SANITIZE STREQUAL "thread")
    target_compile_options(callcontrol_${ARG_NAME} PRIVATE -fsanitize=thread)
  endif()
endfunction()
