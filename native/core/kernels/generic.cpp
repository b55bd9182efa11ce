#include "kernels/kernels.hpp"

namespace {
#include "kernels/portable.inl"
}  // namespace

namespace hazure::kernels {

const KernelTable kGeneric{
    .name = "generic",
    .normalise_row = portable_normalise_row,
    .bilinear_row = portable_bilinear_row,
    .bilinear_blend = portable_bilinear_blend,
    .encode_quad = portable_encode_quad,
    .gather_strip = portable_gather_strip,
    .convolve_strip = portable_convolve_strip,
    .convolve_column = portable_convolve_column,
    .class_max_columns = portable_class_max_columns,
    .class_max_row = portable_class_max_row,
    .any_overlap = portable_any_overlap,
    .sum_of_squares = portable_sum_of_squares,
    .scale_values = portable_scale_values,
};

}  // namespace hazure::kernels
