//! The GPU as an engine.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ark_ec::pairing::Pairing;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use zkpool_circuit_files::{Coordinate, FileField, Points};
use zkpool_snark::engine::{
    DeviceError, DomainParameters, Engine, Msm, Ntt, Product, QuotientProduct, Resident,
};

use crate::adapter::AdapterReport;
use crate::codegen::{Degree, Layout};
use crate::context::{Context, Options, Profile};
use crate::error::GpuError;
use crate::msm::{self, Bases, CurveKernels, CurveSpec, Multiplication, SortKernels, TableOptions};
use crate::ntt::{self, GpuDomain, Transform};
use crate::pool::Scratch;
use crate::recorder::Recorder;
use crate::shader::Pipeline;
use crate::{rate, scalars, self_check};

/// An opened GPU. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) context: Context,
    sort: OnceLock<SortKernels>,
    decode: Known<Layout, Pipeline>,
    curves: Known<CurveSpec, CurveKernels>,
    transforms: Known<Layout, ntt::Kernels>,
    turn: Mutex<()>,
}

/// Shaders by what they compute with, each compiled when it is first asked for.
struct Known<K, V>(Mutex<HashMap<K, Arc<V>>>);

/// What tells about a witness, on the device. It is overwritten when it is dropped.
pub(crate) struct Private {
    gpu: Gpu,
    pub(crate) scratch: Scratch,
}

/// Scalars on the device, as plain integers. They are overwritten when they are dropped.
pub struct GpuScalars {
    pub(crate) private: Private,
    pub(crate) count: u32,
}

/// The values of two polynomials on the device. They are overwritten when they are dropped.
pub struct GpuValues(Private);

/// Bases of multi-scalar multiplications, on the device.
#[derive(Debug)]
pub struct GpuBases {
    /// None if all of them are at infinity.
    pub(crate) bases: Option<Bases>,
}

impl Gpu {
    /// Opens the adapter at this position of [`crate::adapters`].
    ///
    /// # Errors
    /// There is no such adapter, it lacks what the shaders need, or its driver gives no device.
    pub fn open(index: usize, options: Options) -> Result<Self, GpuError> {
        let context = Context::open(index, options)?;
        let inner = Inner {
            context,
            sort: OnceLock::new(),
            decode: Known::new(),
            curves: Known::new(),
            transforms: Known::new(),
            turn: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the driver tells of the device.
    #[must_use]
    pub fn report(&self) -> &AdapterReport {
        &self.inner.context.report
    }

    /// How long the device took for each stage since this was last asked, if it was opened with
    /// [`Options::profile`].
    #[must_use]
    pub fn take_profile(&self) -> Vec<(&'static str, Duration)> {
        self.inner.context.profile.as_ref().map(Profile::take).unwrap_or_default()
    }

    fn sort_kernels(&self) -> Result<&SortKernels, GpuError> {
        if let Some(kernels) = self.inner.sort.get() {
            return Ok(kernels);
        }
        let kernels = SortKernels::new(&self.inner.context)?;
        Ok(self.inner.sort.get_or_init(|| kernels))
    }

    fn decode_pipeline<F: PrimeField>(&self) -> Result<Arc<Pipeline>, GpuError> {
        let context = &self.inner.context;
        self.inner.decode.get(scalars::layout::<F>(context), |layout| {
            let pipeline = context.compile(&[scalars::decode_shader(layout)])?.pop();
            pipeline.map(Arc::new).ok_or_else(|| GpuError::Refused("a shader is missing".into()))
        })
    }

    pub(crate) fn upload_scalars<F: FileField>(
        &self,
        values: &[F],
    ) -> Result<GpuScalars, GpuError> {
        let decode = self.decode_pipeline::<F>()?;
        let scratch = scalars::upload(&self.inner.context, &decode, values)?;
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        Ok(GpuScalars { private: Private { gpu: self.clone(), scratch }, count })
    }

    /// The shaders of a curve, compiled and checked when it is first seen.
    fn curve_kernels<P: DeviceCurve>(&self) -> Result<Arc<CurveKernels>, GpuError> {
        self.inner.curves.get(curve_spec::<P>()?, |spec| {
            let kernels = Arc::new(CurveKernels::new(&self.inner.context, &spec)?);
            self_check::multiplication::<P>(self, Arc::clone(&kernels))?;
            Ok(kernels)
        })
    }

    pub(crate) fn prepare_domain<F: FileField>(
        &self,
        parameters: &DomainParameters<F>,
    ) -> Result<GpuDomain<F>, GpuError> {
        let context = &self.inner.context;
        let layout = scalars::layout::<F>(context);
        let kernels = self
            .inner
            .transforms
            .get(layout, |layout| ntt::Kernels::new(context, layout).map(Arc::new))?;
        GpuDomain::new(context, kernels, parameters)
    }

    /// Transforms values of a polynomial, or its coefficients: one for each element of the
    /// domain, in natural order before and after.
    ///
    /// # Errors
    /// There are more or fewer values, or the device failed.
    pub fn transform<F: FileField>(
        &self,
        domain: &GpuDomain<F>,
        values: &[F],
        transform: Transform,
    ) -> Result<Vec<F>, GpuError> {
        ntt::transform(&self.inner.context, domain, values, transform)
    }

    fn upload_values<F: FileField>(
        &self,
        domain: &GpuDomain<F>,
        a: &[F],
        b: &[F],
    ) -> Result<GpuValues, GpuError> {
        let scratch = ntt::upload(&self.inner.context, domain, a, b)?;
        Ok(GpuValues(Private { gpu: self.clone(), scratch }))
    }

    fn take_quotient<F: FileField>(
        &self,
        domain: &GpuDomain<F>,
        values: &GpuValues,
    ) -> Result<GpuScalars, GpuError> {
        let scratch = ntt::quotient(&self.inner.context, domain, &values.0.scratch)?;
        let count = u32::try_from(domain.size()).unwrap_or(u32::MAX);
        Ok(GpuScalars { private: Private { gpu: self.clone(), scratch }, count })
    }

    /// Computes on known input in both groups and the scalar field of BN254 and compares. Other curves are checked
    /// when a key of theirs first comes.
    ///
    /// # Errors
    /// The device failed, or computed something wrong.
    pub fn self_check(&self) -> Result<(), GpuError> {
        self.curve_kernels::<ark_bn254::g1::Config>()?;
        self.curve_kernels::<ark_bn254::g2::Config>()?;
        self_check::transforms::<ark_bn254::Fr>(self)
    }

    /// Memory for the proving keys on this device, in bytes.
    #[must_use]
    pub fn resident_bytes_max(&self) -> u64 {
        self.inner.context.resident_bytes_max()
    }

    /// Measures how many 32-bit multiplications with a 64-bit sum the device does in a second:
    /// what bounds everything else here. Without 64-bit integers the sum has 32 bits.
    ///
    /// # Errors
    /// The device failed.
    pub fn word_products_per_second(&self) -> Result<f64, GpuError> {
        rate::products_per_second(&self.inner.context)
    }

    /// Measures how many multiplications modulo this field's prime the device does in a second,
    /// each waiting for the one before.
    ///
    /// # Errors
    /// The device failed.
    pub fn multiplications_per_second<F: PrimeField>(&self) -> Result<f64, GpuError> {
        let context = &self.inner.context;
        rate::multiplications_per_second(context, scalars::layout::<F>(context))
    }

    /// 32-bit multiplications in a multiplication modulo this field's prime.
    #[must_use]
    pub fn word_products_of_one<F: PrimeField>(&self) -> u64 {
        scalars::layout::<F>(&self.inner.context).products(1)
    }

    /// How long each shader took to compile, in the order in which they were done. Drivers that
    /// compile at the first dispatch say little here.
    #[must_use]
    pub fn compile_times(&self) -> Vec<(&'static str, Duration)> {
        self.inner.context.compile_times()
    }

    pub(crate) fn prepare_bases<P: DeviceCurve>(
        &self,
        points: &Points<Affine<P>>,
        first: u32,
        options: TableOptions,
    ) -> Result<GpuBases, GpuError> {
        self.prepare_with(self.curve_kernels::<P>()?, points, first, options)
    }

    pub(crate) fn prepare_with<P: DeviceCurve>(
        &self,
        kernels: Arc<CurveKernels>,
        points: &Points<Affine<P>>,
        first: u32,
        options: TableOptions,
    ) -> Result<GpuBases, GpuError> {
        Ok(GpuBases { bases: Bases::new(&self.inner.context, kernels, points, first, options)? })
    }

    /// What the device was opened with.
    pub(crate) fn table_options(&self) -> TableOptions {
        let context = &self.inner.context;
        let window_bits = context.options.window_bits;
        TableOptions { bytes_max: context.table_bytes_max(), window_bits }
    }

    pub(crate) fn multiply<P: SWCurveConfig>(
        &self,
        bases: &GpuBases,
        scalars: &GpuScalars,
    ) -> Result<Projective<P>, GpuError> {
        let mut recorder = Recorder::new(&self.inner.context);
        let multiplication = self.record(&mut recorder, bases, scalars)?;
        recorder.submit()?.wait()?;
        self.finish(bases, multiplication)
    }

    fn record<'c>(
        &'c self,
        recorder: &mut Recorder<'c>,
        bases: &GpuBases,
        scalars: &GpuScalars,
    ) -> Result<Option<Multiplication>, GpuError> {
        let Some(bases) = &bases.bases else {
            return Ok(None);
        };
        let scalars = (&scalars.private.scratch, scalars.count);
        msm::record(recorder, self.sort_kernels()?, bases, scalars).map(Some)
    }

    fn finish<P: SWCurveConfig>(
        &self,
        bases: &GpuBases,
        multiplication: Option<Multiplication>,
    ) -> Result<Projective<P>, GpuError> {
        match (&bases.bases, multiplication) {
            (Some(bases), Some(multiplication)) => {
                multiplication.finish(&self.inner.context, bases)
            }
            _ => Ok(Projective::default()),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Known<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn get(
        &self,
        key: K,
        new: impl FnOnce(K) -> Result<Arc<V>, GpuError>,
    ) -> Result<Arc<V>, GpuError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(&key) {
            return Ok(Arc::clone(value));
        }
        let value = new(key.clone())?;
        known.insert(key, Arc::clone(&value));
        Ok(value)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gpu").field(&self.report().name).finish()
    }
}

/// A curve whose coordinates and scalars have the form of iden3's files.
pub(crate) trait DeviceCurve:
    SWCurveConfig<BaseField: Coordinate + Field<BasePrimeField: FileField>, ScalarField: FileField>
{
}

impl<P> DeviceCurve for P where
    P: SWCurveConfig<
            BaseField: Coordinate + Field<BasePrimeField: FileField>,
            ScalarField: FileField,
        >
{
}

/// The curve as shaders know it, if they can compute on it.
fn curve_spec<P: SWCurveConfig>() -> Result<CurveSpec, GpuError> {
    if P::COEFF_A != P::BaseField::ZERO {
        return Err(GpuError::Unsupported("curves with a coefficient a"));
    }
    let degree = match P::BaseField::extension_degree() {
        1 => Degree::One,
        2 if is_gaussian::<P::BaseField>() => Degree::Two,
        _ => return Err(GpuError::Unsupported("this extension field")),
    };
    let modulus = <P::BaseField as Field>::BasePrimeField::MODULUS.into();
    Ok(CurveSpec { modulus, degree })
}

/// Whether the generator of a quadratic extension is a square root of -1.
fn is_gaussian<F: Field>() -> bool {
    let [zero, one] = [F::BasePrimeField::ZERO, F::BasePrimeField::ONE];
    F::from_base_prime_field_elems([zero, one]).is_some_and(|u| u.square() == -F::ONE)
}

impl GpuBases {
    /// 32-bit multiplications that a multiplication by random scalars takes at least: those of
    /// the additions into buckets.
    #[must_use]
    pub fn word_products(&self) -> u64 {
        self.bases.as_ref().map_or(0, Bases::word_products)
    }
}

impl Resident for GpuBases {
    fn bytes(&self) -> u64 {
        self.bases.as_ref().map_or(0, Bases::bytes)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let mut recorder = Recorder::new(&self.gpu.inner.context);
        recorder.clear(&self.scratch);
        // A device that refuses even this is lost, and its memory with it.
        let _ = recorder.submit();
    }
}

impl<F: FileField> Ntt<F> for Gpu {
    type Domain = GpuDomain<F>;
    type Scalars = GpuScalars;
    type Values = GpuValues;

    fn domain(&self, parameters: &DomainParameters<F>) -> Result<Self::Domain, DeviceError> {
        Ok(self.prepare_domain(parameters)?)
    }

    fn scalars(&self, values: &[F]) -> Result<GpuScalars, DeviceError> {
        Ok(self.upload_scalars(values)?)
    }

    fn values(
        &self,
        domain: &Self::Domain,
        a: Vec<F>,
        b: Vec<F>,
    ) -> Result<GpuValues, DeviceError> {
        Ok(self.upload_values(domain, &a, &b)?)
    }

    fn quotient(
        &self,
        domain: &Self::Domain,
        values: GpuValues,
    ) -> Result<GpuScalars, DeviceError> {
        Ok(self.take_quotient(domain, &values)?)
    }
}

impl<P: DeviceCurve> Msm<Projective<P>> for Gpu {
    type Bases = GpuBases;

    fn bases(&self, points: Points<Affine<P>>, first: u32) -> Result<GpuBases, DeviceError> {
        Ok(self.prepare_bases(&points, first, self.table_options())?)
    }

    fn msm(&self, bases: &GpuBases, scalars: &GpuScalars) -> Result<Projective<P>, DeviceError> {
        Ok(self.multiply(bases, scalars)?)
    }
}

impl<E, P1, P2> Engine<E> for Gpu
where
    E: Pairing<G1 = Projective<P1>, G2 = Projective<P2>>,
    P1: DeviceCurve<ScalarField = E::ScalarField>,
    P2: DeviceCurve<ScalarField = E::ScalarField>,
    E::ScalarField: FileField,
{
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        Some(self.inner.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Transforms, then submits all multiplications at once and waits once.
    fn products(
        &self,
        [a, b, c]: [Product<'_, E::G1, Self>; 3],
        g2: Product<'_, E::G2, Self>,
        quotient: QuotientProduct<'_, E, Self>,
        transformed: impl FnOnce() + Send,
    ) -> Result<([E::G1; 4], E::G2), DeviceError> {
        let h = self.quotient(quotient.domain, quotient.values)?;
        transformed();
        let g1 = [a, b, c, (quotient.bases, &h)];
        let mut recorder = Recorder::new(&self.inner.context);
        let longest = self.record(&mut recorder, g2.0, g2.1)?;
        let mut recorded = Vec::with_capacity(g1.len());
        for (bases, scalars) in g1 {
            recorded.push((bases, self.record(&mut recorder, bases, scalars)?));
        }
        recorder.submit()?.wait()?;
        let mut products = [E::G1::default(); 4];
        for (product, (bases, multiplication)) in products.iter_mut().zip(recorded) {
            *product = self.finish(bases, multiplication)?;
        }
        Ok((products, self.finish(g2.0, longest)?))
    }
}
