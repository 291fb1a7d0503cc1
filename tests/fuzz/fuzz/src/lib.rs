//! What a target of libFuzzer is: the target of `zkpool-fuzz` of the same name, held to every law.

pub use libfuzzer_sys::fuzz_target;
pub use zkpool_fuzz::target;

/// Declares the target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::fuzz_target!(|input: &[u8]| {
            let target = $crate::target($name).expect("a target has the name of its file");
            target.try_on(input).expect_held();
        });
    };
}
