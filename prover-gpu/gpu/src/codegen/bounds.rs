//! Straight-line arithmetic whose bounds are tracked while it is written.

use std::fmt::Write;

use super::FieldCode;
use super::field::Linear;

/// Whether elements are residues modulo p or pairs of them, x + y u with u^2 = -1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) enum Degree {
    One,
    Two,
}

impl Degree {
    /// Residues in an element.
    pub(crate) const fn residues(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// An element that a shader has at hand.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// A WGSL expression of type `Element`.
    pub(crate) name: String,
    /// Each of its residues is at most this multiple of p.
    pub(crate) bound: f64,
}

/// Statements over elements, each of which names its result.
pub(crate) struct Block<'a> {
    field: &'a mut FieldCode,
    degree: Degree,
    text: String,
    names: usize,
}

impl<'a> Block<'a> {
    pub(crate) const fn new(field: &'a mut FieldCode, degree: Degree) -> Self {
        Self { field, degree, text: String::new(), names: 0 }
    }

    /// The statements written so far; the block goes on empty.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Adds a statement that is not arithmetic.
    pub(crate) fn statement(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    /// An element that already exists.
    pub(crate) fn value(name: &str, bound: f64) -> Value {
        Value { name: name.into(), bound }
    }

    pub(crate) fn multiply(&mut self, a: &Value, b: &Value) -> Value {
        self.sum_of_products(&[(a, b)])
    }

    /// a b + c d + ... with one reduction.
    pub(crate) fn sum_of_products(&mut self, products: &[(&Value, &Value)]) -> Value {
        let sum: f64 = products.iter().map(|(a, b)| a.bound * b.bound).sum();
        match self.degree {
            Degree::One => {
                let multiply = self.field.multiply(products.len());
                let arguments =
                    products.iter().map(|(a, b)| format!("{0}.c0, {1}.c0", a.name, b.name));
                let call = call(&multiply, arguments);
                self.define(&[call], self.reduced(sum))
            }
            Degree::Two => self.sum_of_complex_products(products, sum),
        }
    }

    /// (a0 + a1 u)(b0 + b1 u) = (a0 b0 - a1 b1) + (a0 b1 + a1 b0) u.
    fn sum_of_complex_products(&mut self, products: &[(&Value, &Value)], sum: f64) -> Value {
        let multiply = self.field.multiply(2 * products.len());
        let mut negated_sum = 0.0;
        let mut real = Vec::new();
        let mut imaginary = Vec::new();
        for (a, b) in products {
            let lift = lift(a.bound);
            let negate = self.field.linear(&Linear { coefficients: &[-1], lift });
            negated_sum += f64::from(lift) * b.bound;
            let (a, b) = (&a.name, &b.name);
            real.push(format!("{a}.c0, {b}.c0, {negate}({a}.c1), {b}.c1"));
            imaginary.push(format!("{a}.c0, {b}.c1, {a}.c1, {b}.c0"));
        }
        let bound = self.reduced((sum + negated_sum).max(2.0 * sum));
        let parts = [call(&multiply, real.into_iter()), call(&multiply, imaginary.into_iter())];
        self.define(&parts, bound)
    }

    pub(crate) fn square(&mut self, a: &Value) -> Value {
        match self.degree {
            Degree::One => {
                let square = self.field.square();
                let part = format!("{square}({}.c0)", a.name);
                self.define(&[part], self.reduced(a.bound * a.bound))
            }
            Degree::Two => self.complex_square(a),
        }
    }

    /// (a0 + a1 u)^2 = (a0 + a1)(a0 - a1) + 2 a0 a1 u.
    fn complex_square(&mut self, a: &Value) -> Value {
        let lift = lift(a.bound);
        let multiply = self.field.multiply(1);
        let add = self.field.linear(&Linear { coefficients: &[1, 1], lift: 0 });
        let subtract = self.field.linear(&Linear { coefficients: &[1, -1], lift });
        let double = self.field.linear(&Linear { coefficients: &[2], lift: 0 });
        let product = 2.0 * a.bound * (a.bound + f64::from(lift)).max(a.bound);
        let a = &a.name;
        let real = format!("{multiply}({add}({a}.c0, {a}.c1), {subtract}({a}.c0, {a}.c1))");
        let imaginary = format!("{multiply}({double}({a}.c0), {a}.c1)");
        self.define(&[real, imaginary], self.reduced(product))
    }

    /// A linear combination, lifted by the least multiple of p that keeps it positive.
    pub(crate) fn linear(&mut self, terms: &[(i32, &Value)]) -> Value {
        let total = |negative: bool| -> f64 {
            let terms = terms.iter().filter(|(c, _)| (*c < 0) == negative);
            terms.map(|(c, value)| f64::from(c.unsigned_abs()) * value.bound).sum()
        };
        let lift = lift(total(true));
        let coefficients: Vec<_> = terms.iter().map(|(c, _)| *c).collect();
        let function = self.field.linear(&Linear { coefficients: &coefficients, lift });
        let bound = total(false) + f64::from(lift);
        let values: Vec<_> = terms.iter().map(|(_, value)| *value).collect();
        self.each_residue(&function, &values, bound)
    }

    pub(crate) fn subtract(&mut self, a: &Value, b: &Value) -> Value {
        self.linear(&[(1, a), (-1, b)])
    }

    /// The same element with a bound of at most `limit`, which is at least 2.
    pub(crate) fn fit(&mut self, a: &Value, limit: f64) -> Value {
        let mut a = a.clone();
        while a.bound > limit {
            // Both what is subtracted and what may stay are half of the bound.
            let multiple = lift(a.bound / 2.0);
            let reduce = self.field.reduce(multiple);
            a = self.each_residue(&reduce, &[&a], f64::from(multiple));
        }
        a
    }

    /// A condition: whether the element is zero. Its bound must be below 2.
    pub(crate) fn is_zero(&mut self, a: &Value) -> String {
        assert!(a.bound < 2.0, "{} may be more than p", a.name);
        let is_zero = self.field.is_zero();
        let parts: Vec<_> =
            self.parts().map(|part| format!("{is_zero}({}.{part})", a.name)).collect();
        parts.join(" && ")
    }

    /// A condition: whether the element is zero, whatever its bound is.
    pub(crate) fn is_multiple(&mut self, a: &Value) -> String {
        let is_multiple = self.field.is_multiple(floor(a.bound));
        let parts: Vec<_> =
            self.parts().map(|part| format!("{is_multiple}({}.{part})", a.name)).collect();
        parts.join(" && ")
    }

    /// A variable that begins as this element and may become others within `bound`.
    pub(crate) fn variable(&mut self, name: &str, a: &Value, bound: f64) -> Value {
        self.statement(&format!("var {name} = {};", a.name));
        Self::value(name, bound.max(a.bound))
    }

    fn parts(&self) -> impl Iterator<Item = &'static str> + use<> {
        ["c0", "c1"].into_iter().take(self.degree.residues())
    }

    fn each_residue(&mut self, function: &str, arguments: &[&Value], bound: f64) -> Value {
        let parts: Vec<_> = self
            .parts()
            .map(|part| call(function, arguments.iter().map(|a| format!("{}.{part}", a.name))))
            .collect();
        self.define(&parts, bound)
    }

    fn define(&mut self, parts: &[String], bound: f64) -> Value {
        assert!(bound < self.field.layout().ratio(), "a value outgrows its limbs");
        let name = format!("e{}", self.names);
        self.names += 1;
        let _ =
            writeln!(self.text, "let {name} = Element({}); // <= {bound:.2} p", parts.join(", "));
        Value { name, bound }
    }

    /// The bound after Montgomery's reduction of products that sum up to `products` p^2.
    fn reduced(&self, products: f64) -> f64 {
        products / self.field.layout().ratio() + 1.0
    }
}

/// The least multiple of p that is at least `bound`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn lift(bound: f64) -> u32 {
    bound.ceil() as u32
}

/// The largest multiple of p that is at most `bound`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn floor(bound: f64) -> u32 {
    bound.floor() as u32
}

fn call(function: &str, arguments: impl Iterator<Item = String>) -> String {
    format!("{function}({})", arguments.collect::<Vec<_>>().join(", "))
}
