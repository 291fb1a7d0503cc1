// Coordinates as the host has them, into the form of the device.
fn run(t: u32) { store_imported(parameters.to + t, fp_mul_1(load_raw(t), fp_import())); }
