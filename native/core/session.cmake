# Sessions and engines over ONNX Runtime. Its headers come with -DHAZURE_ORT_INCLUDE_DIR=… (tools/bootstrap finds or
# fetches them); its library is opened at run time and never linked.
set(HAZURE_ORT_INCLUDE_DIR "" CACHE PATH "Folder of onnxruntime_cxx_api.h; empty: look in ONNXRUNTIME_ROOT and the system")
find_path(HAZURE_ORT_HEADERS onnxruntime_cxx_api.h
  HINTS "${HAZURE_ORT_INCLUDE_DIR}" "$ENV{ONNXRUNTIME_ROOT}/include"
  PATH_SUFFIXES onnxruntime onnxruntime/core/session NO_CACHE)
if(HAZURE_ORT_HEADERS)
  set(HAZURE_WITH_ORT ON PARENT_SCOPE)
  message(STATUS "hazure: ONNX Runtime headers in ${HAZURE_ORT_HEADERS}")
  set(_hazure_engine
    engine/bound_runs.cpp
    engine/detector.cpp
    engine/embedder.cpp
    engine/failure.cpp
    engine/image_model.cpp
    engine/ort_failure.cpp
    engine/ort_library.cpp
    engine/ort_tensor.cpp
    engine/provider_options.cpp
    engine/providers.cpp
    engine/session.cpp
    engine/shared_library.cpp
    engine/stage_pipeline.cpp
    engine/tensor.cpp
    engine/worker.cpp
  )
  target_sources(hazure_core PRIVATE ${_hazure_engine})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees overlaps in std::string concatenation that are none (GCC bug 105651).
    set_source_files_properties(${_hazure_engine} PROPERTIES COMPILE_OPTIONS -Wno-restrict)
  endif()
  if(HAZURE_WITH_CUDA AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/../cuda/CMakeLists.txt)
    # Input tensors in device memory, filled by the kernels of native/cuda.
    target_sources(hazure_core PRIVATE engine/device_slot.cpp)
    target_compile_definitions(hazure_core PUBLIC HAZURE_DEVICE_SLOTS)
    target_include_directories(hazure_core SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  endif()
  # SYSTEM: its warnings are not ours.
  target_include_directories(hazure_core SYSTEM PUBLIC "${HAZURE_ORT_HEADERS}")
  target_compile_definitions(hazure_core PUBLIC HAZURE_WITH_ORT ORT_API_MANUAL_INIT)
  target_link_libraries(hazure_core PUBLIC ${CMAKE_DL_LIBS})
else()
  set(HAZURE_WITH_ORT OFF PARENT_SCOPE)
  message(STATUS "hazure: no ONNX Runtime headers, sessions are left out (set HAZURE_ORT_INCLUDE_DIR)")
endif()
