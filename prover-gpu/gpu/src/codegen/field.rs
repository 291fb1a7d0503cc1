//! Functions on residues modulo a prime, emitted when first asked for.

use std::collections::BTreeMap;
use std::fmt::Write;

use num_bigint::BigUint;

use super::Layout;

/// Bits of the modulus from which the times that it is in a value are estimated.
const HIGH_BITS: u32 = 12;

/// Bits after the point of the inverse of these bits. One is lost for every bit of the value above
/// the modulus.
const ESTIMATE_BITS: u32 = 25;

/// The functions of a field that a shader uses.
///
/// Arguments have limbs below 2^`limb_bits`, but for the highest, and so have results. What they
/// may be worth is written at each function, in multiples of the modulus p.
pub(crate) struct FieldCode {
    layout: Layout,
    functions: BTreeMap<String, String>,
}

/// A sum of terms with small integer coefficients, and a multiple of p that keeps it positive.
#[derive(Clone, Debug)]
pub(crate) struct Linear<'a> {
    pub(crate) coefficients: &'a [i32],
    /// At least what the negative terms can amount to, in multiples of p.
    pub(crate) lift: u32,
}

impl FieldCode {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, functions: BTreeMap::new() }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The type of residues and every function asked for so far.
    pub(crate) fn source(&self) -> String {
        let limbs: Vec<_> = (0..self.layout.limbs).map(|i| format!("v{i}: u32")).collect();
        let functions: String = self.functions.values().map(String::as_str).collect();
        format!("struct Fp {{ {} }}\n{functions}", limbs.join(", "))
    }

    /// The name of a function, which `body` writes if it is new.
    fn function(&mut self, name: String, body: impl FnOnce(&Layout, &str) -> String) -> String {
        let layout = &self.layout;
        self.functions.entry(name.clone()).or_insert_with(|| body(layout, &name));
        name
    }

    /// x0 y0 + x1 y1 + ... over R, with one reduction: at most
    /// (sum of the products of the bounds) p / R + 1.
    pub(crate) fn multiply(&mut self, products: usize) -> String {
        self.function(format!("fp_mul_{products}"), |layout, name| multiply(layout, name, products))
    }

    /// x^2 / R.
    pub(crate) fn square(&mut self) -> String {
        self.function("fp_sqr".into(), square)
    }

    /// A linear combination.
    pub(crate) fn linear(&mut self, sum: &Linear<'_>) -> String {
        let name = sum.coefficients.iter().fold(format!("fp_lin_{}p", sum.lift), |name, c| {
            let sign = if *c < 0 { "m" } else { "a" };
            format!("{name}_{sign}{}", c.unsigned_abs())
        });
        self.function(name, |layout, name| linear(layout, name, sum))
    }

    /// A function that a test writes.
    #[cfg(test)]
    pub(crate) fn raw(&mut self, name: &str, text: &str) {
        self.function(name.into(), |_, _| text.into());
    }

    /// x, less `multiple` p if that does not make it negative.
    pub(crate) fn reduce(&mut self, multiple: u32) -> String {
        self.function(format!("fp_reduce_{multiple}"), |layout, name| {
            reduce(layout, name, multiple)
        })
    }

    /// x, at most `bound`, less as many times p as leave it below 2. `bound` is below 128.
    pub(crate) fn remainder(&mut self, bound: u32) -> String {
        assert!(bound < 1 << (32 - ESTIMATE_BITS), "an estimate does not fit into a word");
        self.function("fp_remainder".into(), remainder)
    }

    /// Whether x is 0 or p.
    pub(crate) fn is_zero(&mut self) -> String {
        self.function("fp_is_zero".into(), is_zero)
    }

    /// Whether x is one of 0, p, ..., `largest` p.
    pub(crate) fn is_multiple(&mut self, largest: u32) -> String {
        self.function(format!("fp_is_multiple_{largest}"), |layout, name| {
            is_multiple(layout, name, largest)
        })
    }

    /// A constant.
    pub(crate) fn constant(&mut self, name: &str, value: &BigUint) -> String {
        self.function(format!("fp_{name}"), |layout, name| {
            let limbs: Vec<_> = layout.split(value).iter().map(|v| format!("{v}u")).collect();
            format!("fn {name}() -> Fp {{ return Fp({}); }}\n", limbs.join(", "))
        })
    }

    /// 1 in Montgomery form.
    pub(crate) fn one(&mut self) -> String {
        let one = self.layout.power_of_two(self.layout.radix_bits());
        self.constant("one", &one)
    }

    /// 1 / x by Fermat's theorem; 0 for 0. x is at most 2, and so is the result.
    pub(crate) fn invert(&mut self) -> String {
        let (multiply, square, one) = (self.multiply(1), self.square(), self.one());
        self.function("fp_invert".into(), |layout, name| {
            invert(layout, name, &multiply, &square, &one)
        })
    }

    /// From words in memory, as `vec4<u32>`s from the lowest.
    pub(crate) fn unpack(&mut self) -> String {
        self.function("fp_unpack".into(), unpack)
    }

    /// Into the words of one `vec4<u32>` in memory. x must be below `Layout::capacity`.
    pub(crate) fn pack(&mut self, quad: usize) -> String {
        self.function(format!("fp_pack_{quad}"), |layout, name| pack(layout, name, quad))
    }
}

/// Schoolbook multiplication row by row, each row followed by one step of Montgomery's reduction,
/// which moves the columns down by one.
fn multiply(layout: &Layout, name: &str, products: usize) -> String {
    let (n, column) = (layout.limbs, layout.column.wgsl());
    let arguments: Vec<_> = (0..products).map(|k| format!("x{k}: Fp, y{k}: Fp")).collect();
    let mut s = format!("fn {name}({}) -> Fp {{\n", arguments.join(", "));
    let _ = writeln!(s, "var m: {column}; var c: {column};");
    for j in 0..n {
        for k in 0..products {
            let _ = write!(s, "let b{k}_{j} = {column}(y{k}.v{j}); ");
        }
        let _ = writeln!(s, "var t{j} = {column}(0u);");
    }
    for i in 0..n {
        for k in 0..products {
            let _ = writeln!(s, "let a{k}_{i} = {column}(x{k}.v{i});");
            for j in 0..n {
                // The reduction has left nothing in the highest column.
                let fresh = k == 0 && (i == 0 || j + 1 == n);
                let sum = if fresh { String::new() } else { format!(" + t{j}") };
                let _ = writeln!(s, "t{j} = a{k}_{i} * b{k}_{j}{sum};");
            }
        }
        reduction_step(&mut s, layout, 0, 1);
    }
    normalize(&mut s, layout, |j| format!("t{j}"));
    s
}

/// Makes column `low` divisible by 2^`limb_bits` by adding a multiple of p and carries it into
/// the next. What was column `low + j` ends as column `low + j - shift`.
fn reduction_step(s: &mut String, layout: &Layout, low: usize, shift: usize) {
    let (column, w) = (layout.column.wgsl(), layout.limb_bits);
    let p = layout.split(&layout.modulus);
    let (inverse, mask) = (layout.negated_inverse(), layout.mask());
    let _ = writeln!(s, "m = {column}((u32(t{low}) * {inverse}u) & {mask}u);");
    let _ = writeln!(s, "c = (m * {column}({}u) + t{low}) >> {w}u;", p[0]);
    for (j, limb) in p.iter().enumerate().skip(1) {
        let carry = if j == 1 { " + c" } else { "" };
        let (from, to) = (low + j, low + j - shift);
        let _ = writeln!(s, "t{to} = m * {column}({limb}u) + t{from}{carry};");
    }
}

/// All columns of the square, then the reduction.
fn square(layout: &Layout, name: &str) -> String {
    let (n, column) = (layout.limbs, layout.column.wgsl());
    let mut s = format!("fn {name}(x: Fp) -> Fp {{\nvar m: {column}; var c: {column};\n");
    for j in 0..n {
        let _ = writeln!(s, "let a{j} = {column}(x.v{j}); let d{j} = {column}(x.v{j} << 1u);");
    }
    for k in 0..2 * n - 1 {
        let pairs = (0..n).filter(|&i| k >= i && k - i < n && i <= k - i);
        let products: Vec<_> = pairs
            .map(|i| if 2 * i == k { format!("a{i} * a{i}") } else { format!("d{i} * a{}", k - i) })
            .collect();
        let sum = if products.is_empty() { format!("{column}(0u)") } else { products.join(" + ") };
        let _ = writeln!(s, "var t{k} = {sum};");
    }
    for low in 0..n {
        reduction_step(&mut s, layout, low, 0);
    }
    normalize(&mut s, layout, |j| format!("t{}", j + n));
    s
}

/// Carries columns into limbs and returns them.
fn normalize(s: &mut String, layout: &Layout, column: impl Fn(usize) -> String) {
    let (n, w, mask) = (layout.limbs, layout.limb_bits, layout.mask());
    s.push_str("var r: Fp;\n");
    for j in 0..n - 1 {
        let (this, next) = (column(j), column(j + 1));
        let _ = writeln!(s, "r.v{j} = u32({this}) & {mask}u; ");
        if j + 2 < n {
            let _ = writeln!(s, "{next} = {next} + ({this} >> {w}u);");
        } else {
            // The highest column of a product is empty after the reduction.
            let _ = writeln!(s, "r.v{} = u32({this} >> {w}u);", n - 1);
        }
    }
    s.push_str("return r;\n}\n");
}

/// A multiple of p with every limb but the highest at least `borrows` (2^`limb_bits` - 1), so
/// that as many normal limbs can be subtracted from it.
fn lifted(layout: &Layout, multiple: u32, borrows: u32) -> Vec<u32> {
    let mut limbs = layout.split(&(&layout.modulus * multiple));
    let last = layout.limbs - 1;
    for (i, limb) in limbs.iter_mut().enumerate() {
        let (gain, loss) = (borrows << layout.limb_bits, borrows);
        *limb = match i {
            0 => *limb + gain,
            i if i < last => *limb + gain - loss,
            // May wrap: the carry from below wraps back.
            _ => limb.wrapping_sub(loss),
        };
    }
    limbs
}

fn linear(layout: &Layout, name: &str, sum: &Linear<'_>) -> String {
    let (n, w, mask) = (layout.limbs, layout.limb_bits, layout.mask());
    let borrows = sum.coefficients.iter().filter(|c| **c < 0).map(|c| c.unsigned_abs()).sum();
    let lift = lifted(layout, sum.lift, borrows);
    let terms = sum.coefficients.iter().enumerate();
    let arguments: Vec<_> = terms.clone().map(|(k, _)| format!("x{k}: Fp")).collect();
    let mut s = format!("fn {name}({}) -> Fp {{\nvar r: Fp; var q = 0u;\n", arguments.join(", "));
    for (i, limb) in lift.iter().enumerate() {
        let mut column = format!("{limb}u");
        // Positive terms first, so that no limb is ever negative.
        for positive in [true, false] {
            for (k, c) in terms.clone().filter(|(_, c)| (**c > 0) == positive) {
                let sign = if positive { '+' } else { '-' };
                let _ = write!(column, " {sign} {}u * x{k}.v{i}", c.unsigned_abs());
            }
        }
        let _ = writeln!(s, "q = {column} + (q >> {w}u);");
        let limb = if i + 1 == n { "q".into() } else { format!("q & {mask}u") };
        let _ = writeln!(s, "r.v{i} = {limb};");
    }
    s.push_str("return r;\n}\n");
    s
}

fn reduce(layout: &Layout, name: &str, multiple: u32) -> String {
    let (n, w, mask) = (layout.limbs, layout.limb_bits, layout.mask());
    let subtrahend = layout.split(&(&layout.modulus * multiple));
    let mut s = format!("fn {name}(x: Fp) -> Fp {{\nvar r: Fp; var q = 0u;\n");
    for (i, limb) in subtrahend.iter().enumerate() {
        // The arithmetic shift carries a borrow of -1 upwards.
        let borrow = format!("bitcast<u32>(bitcast<i32>(q) >> {w}u)");
        let _ = writeln!(s, "q = x.v{i} - {limb}u + {borrow};");
        let limb = if i + 1 == n { "q".into() } else { format!("q & {mask}u") };
        let _ = writeln!(s, "r.v{i} = {limb};");
    }
    s.push_str("let negative = bitcast<i32>(q) < 0;\n");
    for i in 0..n {
        let _ = writeln!(s, "r.v{i} = select(r.v{i}, x.v{i}, negative);");
    }
    s.push_str("return r;\n}\n");
    s
}

/// The number of times that p is in x is estimated from the highest bits of both. Cutting off the
/// others makes it too low by less than 1/50, and rounding it down by less than 1. In place of its
/// product with p, that with R - p is added, and the multiple of R left out.
fn remainder(layout: &Layout, name: &str) -> String {
    let (n, w, mask, column) =
        (layout.limbs, layout.limb_bits, layout.mask(), layout.column.wgsl());
    let low = layout.modulus.bits().saturating_sub(u64::from(HIGH_BITS)) as usize;
    let (first, shift) = (low / w as usize, low % w as usize);
    let high: Vec<_> = (first + 1..n)
        .map(|i| format!(" | (x.v{i} << {}u)", (i - first) * w as usize - shift))
        .collect();
    let inverse = (BigUint::from(1_u32) << (low + ESTIMATE_BITS as usize)) / &layout.modulus;
    let negated = (BigUint::from(1_u32) << layout.radix_bits()) - &layout.modulus;
    let mut s = format!(
        "fn {name}(x: Fp) -> Fp {{
let high = (x.v{first} >> {shift}u){};
let times = {column}((high * {inverse}u) >> {ESTIMATE_BITS}u);
var r: Fp; var t = {column}(0u);\n",
        high.concat()
    );
    for (i, limb) in layout.split(&negated).iter().enumerate() {
        let carry = if i == 0 { String::new() } else { format!(" + (t >> {w}u)") };
        let _ = writeln!(s, "t = times * {column}({limb}u) + {column}(x.v{i}){carry};");
        let _ = writeln!(s, "r.v{i} = u32(t) & {mask}u;");
    }
    s.push_str("return r;\n}\n");
    s
}

fn is_zero(layout: &Layout, name: &str) -> String {
    let p = layout.split(&layout.modulus);
    let any = |terms: Vec<String>| terms.join(" | ");
    let zero = any((0..layout.limbs).map(|i| format!("x.v{i}")).collect());
    let p = any(p.iter().enumerate().map(|(i, limb)| format!("(x.v{i} ^ {limb}u)")).collect());
    format!("fn {name}(x: Fp) -> bool {{ return ({zero}) == 0u || ({p}) == 0u; }}\n")
}

/// The lowest limb alone tells nearly all other numbers apart.
fn is_multiple(layout: &Layout, name: &str, largest: u32) -> String {
    let multiples: Vec<_> = (0..=largest).map(|k| layout.split(&(&layout.modulus * k))).collect();
    let either = |terms: Vec<String>| terms.join(" || ");
    let low = either(multiples.iter().map(|m| format!("x.v0 == {}u", m[0])).collect());
    let equal = |multiple: &Vec<u32>| {
        let limbs = multiple.iter().enumerate();
        let terms: Vec<_> = limbs.map(|(i, limb)| format!("(x.v{i} ^ {limb}u)")).collect();
        format!("({}) == 0u", terms.join(" | "))
    };
    let all = either(multiples.iter().map(equal).collect());
    format!("fn {name}(x: Fp) -> bool {{\nif (!({low})) {{ return false; }}\nreturn {all};\n}}\n")
}

fn invert(layout: &Layout, name: &str, multiply: &str, square: &str, one: &str) -> String {
    let exponent = (&layout.modulus - 2_u32).to_u32_digits();
    let count = exponent.len();
    let words: Vec<_> = exponent.iter().map(|word| format!("{word}u")).collect();
    format!(
        "fn {name}(x: Fp) -> Fp {{
var exponent = array<u32, {count}>({});
var r = {one}();
for (var i = {}; i >= 0; i--) {{
r = {square}(r);
if (((exponent[u32(i) >> 5u] >> (u32(i) & 31u)) & 1u) == 1u) {{ r = {multiply}(r, x); }}
}}
return r;
}}\n",
        words.join(", "),
        layout.modulus.bits() - 1,
    )
}

fn unpack(layout: &Layout, name: &str) -> String {
    let w = layout.limb_bits as usize;
    let quads: Vec<_> = (0..layout.words / 4).map(|q| format!("q{q}: vec4<u32>")).collect();
    let mut s = format!("fn {name}({}) -> Fp {{\nvar r: Fp;\n", quads.join(", "));
    let word = |i: usize| format!("q{}[{}]", i / 4, i % 4);
    for i in 0..layout.limbs {
        let (index, shift) = (i * w / 32, i * w % 32);
        let mut limb = "0u".to_owned();
        if index < layout.words {
            limb = format!("({} >> {shift}u)", word(index));
        }
        if shift + w > 32 && index + 1 < layout.words {
            limb = format!("({limb} | ({} << {}u))", word(index + 1), 32 - shift);
        }
        let _ = writeln!(s, "r.v{i} = {limb} & {}u;", layout.mask());
    }
    s.push_str("return r;\n}\n");
    s
}

fn pack(layout: &Layout, name: &str, quad: usize) -> String {
    let w = layout.limb_bits as usize;
    let word = |k: usize| {
        let overlapping =
            (0..layout.limbs).filter(|i| i * w < 32 * (k + 1) && (i + 1) * w > 32 * k);
        let parts: Vec<_> = overlapping
            .map(|i| match (i * w, 32 * k) {
                (limb, word) if limb >= word => format!("(x.v{i} << {}u)", limb - word),
                (limb, word) => format!("(x.v{i} >> {}u)", word - limb),
            })
            .collect();
        parts.join(" | ")
    };
    let words: Vec<_> = (4 * quad..4 * quad + 4).map(word).collect();
    format!("fn {name}(x: Fp) -> vec4<u32> {{ return vec4<u32>({}); }}\n", words.join(", "))
}
