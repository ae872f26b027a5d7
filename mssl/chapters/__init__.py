"""The chapters of the book: for each page its worlds, its figures and the checks of its claims.

A room bears the name of its page. Importing this package registers all figures; the checks are
imported only by who runs them.
"""

from importlib import import_module

__all__ = ["PAGES"]

#: The files of figures in each room, in the order of the book; the first page borrows from others.
PAGES: dict[str, tuple[str, ...]] = {
    "one_coordinate": (
        "hidden_pixel",
        "receptive_fields",
        "receptive_fields_ridge",
        "loo_by_pixel",
    ),
    "random_matrices": (
        "marchenko_pastur",
        "resolvent_row",
        "equivalent_convergence",
    ),
    "error": (
        "error_vs_gamma",
        "error_vs_ridge",
        "double_descent",
        "loo_gcv_theory",
        "best_ridge",
        "patches_error",
        "patches_cv",
        "error_by_coordinate",
    ),
    "spectrum": (
        "spectrum_models",
        "spectrum_edges",
        "spectrum_curve",
        "spectrum_rates",
        "spectrum_patches",
    ),
    "transition": (
        "transition_moving",
        "transition_overlaps",
        "transition_several",
        "transition_local",
        "transition_single",
        "transition_rounding",
    ),
    "against_pca": (
        "threshold_ratio",
        "overlap_methods",
        "overlap_ridge",
        "map_noise",
        "map_local",
        "stationary",
        "global_local",
        "reconstruction",
        "patches_noise",
    ),
    "how_near_the_limit": (
        "limit_overlaps",
        "limit_thresholds",
        "limit_map",
        "limit_patches",
        "limit_sizes",
        "limit_worlds",
    ),
    "how_much_to_mask": (
        "mask_fields",
        "mask_errors",
        "mask_convergence",
        "mask_best",
        "mask_threshold",
        "mask_overlap",
        "mask_spectrum",
        "mask_diagonal",
    ),
    "not_gaussian": (
        "universality",
        "heavy_tails",
        "estimated_errors",
        "estimation_coverage",
        "spike_detection",
    ),
    "real_data": (
        "real_matrices",
        "real_spectra",
        "real_error",
        "real_choice",
        "real_order",
        "real_filling",
    ),
    "vit_images": ("vit_images",),
    "vit_mae": (
        "vit_areas",
        "vit_first_step",
        "vit_trajectories",
        "vit_attention_maps",
        "vit_phase_times",
    ),
    "vit_contrastive": (
        "contrastive_first_step",
        "contrastive_trajectories",
        "contrastive_attention_maps",
        "contrastive_moving",
        "contrastive_conditions",
        "contrastive_late",
    ),
    "vit_between": (
        "between_critical",
        "between_courses",
        "between_diagram",
        "between_footing",
        "between_diversity",
    ),
    "bridge": (
        "bridge",
        "bridge_local",
        "bridge_noise",
    ),
    "landing": (
        "landing_photograph",
        "landing_transition",
        "landing_attention",
        "landing_headline",
    ),
}

for _page, _files in PAGES.items():
    for _file in _files:
        import_module(f"{__name__}.{_page}.{_file}")
