//! One run of a module: calls under its limits.

use std::time::Duration;

use wasmi::{
    Error, Instance, Memory, Store, StoreLimits, StoreLimitsBuilder, TrapCode, TypedFunc,
    TypedResumableCall, WasmParams, WasmResults,
};
use zkpool_circuit_files::inputs::Element;
use zkpool_ports::Clock;

use crate::error::{Exception, GenerateError};
use crate::generator::Generator;
use crate::host::{Host, linker};
use crate::interface::MEMORY;
use crate::limits::Limits;

/// Instructions between two looks at the clock: some milliseconds.
const SLICE_FUEL: u64 = 10_000_000;

/// Entries of a module's table: references to functions, of which circom writes none.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// An instance of a module, from its start to the end of its run.
pub(crate) struct Session<'c> {
    store: Store<Host>,
    instance: Instance,
    limits: Limits,
    fuel_left: u64,
    clock: &'c dyn Clock,
    end: Duration,
}

impl<'c> Session<'c> {
    /// Starts a module.
    pub(crate) fn start(
        generator: &Generator,
        limits: Limits,
        clock: &'c dyn Clock,
    ) -> Result<Self, GenerateError> {
        let mut store = Store::new(generator.engine(), Host::new(bounds(limits)));
        store.limiter(|host| &mut host.limits);
        // A start function, of which circom writes none, has one slice.
        let first = limits.fuel.min(SLICE_FUEL);
        store.set_fuel(first).map_err(GenerateError::Preparation)?;
        let linker = linker(generator.engine()).map_err(GenerateError::Preparation)?;
        let started = linker.instantiate_and_start(&mut store, generator.module());
        let instance = started.map_err(|error| failed(&store, limits, &error))?;
        let end = clock.elapsed().saturating_add(limits.time);
        let fuel_left = limits.fuel - first;
        Ok(Self { store, instance, limits, fuel_left, clock, end })
    }

    /// Leaves the run no more than a witness of so many values is worth.
    pub(crate) fn scale_to(&mut self, values: u64) {
        let limits = self.limits.scaled_to(values);
        self.fuel_left = self.fuel_left.saturating_sub(self.limits.fuel - limits.fuel);
        self.store.data_mut().limits = bounds(limits);
        self.limits = limits;
    }

    /// An exported function. Its type was checked with the module.
    pub(crate) fn function<P: WasmParams, R: WasmResults>(
        &self,
        name: &str,
    ) -> Result<TypedFunc<P, R>, GenerateError> {
        let found = self.instance.get_typed_func(&self.store, name);
        found.map_err(|_| GenerateError::BrokenOff)
    }

    /// Calls a function by its name.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        parameters: P,
    ) -> Result<R, GenerateError> {
        let function = self.function(name)?;
        self.run(&function, parameters)
    }

    /// Runs a function to its end, in slices between which the limits are looked at.
    pub(crate) fn run<P: WasmParams, R: WasmResults>(
        &mut self,
        function: &TypedFunc<P, R>,
        parameters: P,
    ) -> Result<R, GenerateError> {
        let mut step = function.call_resumable(&mut self.store, parameters);
        loop {
            match step {
                Ok(TypedResumableCall::Finished(results)) => return Ok(results),
                Ok(TypedResumableCall::HostTrap(trap)) => {
                    return Err(failed(&self.store, self.limits, trap.host_error()));
                }
                Ok(TypedResumableCall::OutOfFuel(paused)) => {
                    self.refuel(paused.required_fuel())?;
                    step = paused.resume(&mut self.store);
                }
                Err(error) => return Err(failed(&self.store, self.limits, &error)),
            }
        }
    }

    /// Pays for the next slice, or for what the next instruction takes by itself.
    fn refuel(&mut self, required: u64) -> Result<(), GenerateError> {
        let Limits { fuel: max, time, .. } = self.limits;
        if self.clock.elapsed() > self.end {
            return Err(GenerateError::Time { max: time });
        }
        if self.fuel_left < required.max(1) {
            return Err(GenerateError::Fuel { max });
        }
        let slice = SLICE_FUEL.max(required).min(self.fuel_left);
        self.fuel_left -= slice;
        self.store.set_fuel(slice).map_err(|_| GenerateError::BrokenOff)
    }

    /// The place in memory where elements are handed over.
    pub(crate) fn exchange(&mut self) -> Result<Exchange, GenerateError> {
        let memory = self.instance.get_memory(&self.store, MEMORY);
        let memory = memory.ok_or(GenerateError::BrokenOff)?;
        let start: i32 = self.call("getSharedRWMemoryStart", ())?;
        Ok(Exchange { memory, start: start.cast_unsigned() as usize })
    }

    /// The element that the module left at this place.
    pub(crate) fn take(&self, from: &Exchange) -> Result<Element, GenerateError> {
        let mut element = Element::default();
        let taken = from.memory.read(&self.store, from.start, &mut element);
        taken.map_err(|_| GenerateError::Trapped(TrapCode::MemoryOutOfBounds))?;
        Ok(element)
    }

    /// Leaves an element at this place for the module.
    pub(crate) fn put(&mut self, to: &Exchange, element: &Element) -> Result<(), GenerateError> {
        let put = to.memory.write(&mut self.store, to.start, element);
        put.map_err(|_| GenerateError::Trapped(TrapCode::MemoryOutOfBounds))
    }
}

/// What wasmi holds a module to.
fn bounds(limits: Limits) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS_MAX)
        .instances(1)
        .memories(1)
        .tables(1)
        .trap_on_grow_failure(true)
        .build()
}

/// Where one element lies that goes into a module or comes out of it.
pub(crate) struct Exchange {
    memory: Memory,
    start: usize,
}

/// What ended a run.
fn failed(store: &Store<Host>, limits: Limits, error: &Error) -> GenerateError {
    let host = store.data();
    let places = host.places.clone();
    match (host.exception, error.as_trap_code()) {
        (Some(Exception::AssertionFailed), _) => GenerateError::Unsatisfied { places },
        (Some(exception), _) => GenerateError::Reported { exception, places },
        (None, Some(TrapCode::OutOfFuel)) => GenerateError::Fuel { max: limits.fuel },
        (None, Some(TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory)) => {
            GenerateError::Memory { max: limits.memory_bytes }
        }
        (None, Some(trap)) => GenerateError::Trapped(trap),
        (None, None) => GenerateError::BrokenOff,
    }
}
