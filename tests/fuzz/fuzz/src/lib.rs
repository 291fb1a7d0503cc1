//! What a target of libFuzzer is: the target of `zkpool-fuzz` of the same name, held to every law.

pub use libfuzzer_sys::fuzz_target;
pub use zkpool_fuzz::{Campaign, Target, target};

/// Declares the target of this name. What is kept of it is read first, so that what is made once in a
/// process is no heap of an input.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        fn named() -> &'static $crate::Target {
            $crate::target($name).expect("a target has the name of its file")
        }

        $crate::fuzz_target!(
            init: drop($crate::Campaign::of(named())),
            |input: &[u8]| named().try_on(input).expect_held()
        );
    };
}
