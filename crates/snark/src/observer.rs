//! How a caller follows a proof. This crate reads no clock: whoever meters does.

use zkpool_types::Stage;

/// Is told when a prover enters a stage of its work.
pub trait Observer {
    /// The prover begins this stage, and has ended the one before.
    fn enter(&mut self, stage: Stage);

    /// The prover has ended the stage it was in and waits for its turn on the device.
    fn wait(&mut self) {}
}

/// Does not care.
impl Observer for () {
    fn enter(&mut self, _: Stage) {}
}

impl<F: FnMut(Stage)> Observer for F {
    fn enter(&mut self, stage: Stage) {
        self(stage);
    }
}
