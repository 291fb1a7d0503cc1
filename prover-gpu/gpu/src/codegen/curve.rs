//! Points of short Weierstrass curves y^2 = x^3 + b in XYZZ coordinates: x = X / ZZ,
//! y = Y / ZZZ and ZZ^3 = ZZZ^2, with ZZ = 0 at infinity.
//!
//! Formulas are those of the Explicit-Formulas Database, <https://hyperelliptic.org/EFD/g1p/auto-shortw-xyzz.html>.

use super::{Block, Degree, FieldCode, Layout, Value};

/// Coordinates of affine points in memory are at most this multiple of p, as products are.
const TABLE_BOUND: f64 = 1.2;

/// Coordinates ZZ and ZZZ are at most this multiple of p. Below 2, so that a zero is one of two
/// values.
const PRODUCT_BOUND: f64 = 1.9;

/// Coordinate Y is at most this multiple of p, which is what the negative of an affine point has.
const Y_BOUND: f64 = 2.0;

/// Functions on points of a curve with coefficient a = 0.
pub(crate) struct CurveCode {
    field: FieldCode,
    degree: Degree,
}

impl CurveCode {
    pub(crate) fn new(layout: Layout, degree: Degree) -> Self {
        Self { field: FieldCode::new(layout), degree }
    }

    pub(crate) const fn field(&mut self) -> &mut FieldCode {
        &mut self.field
    }

    pub(crate) const fn degree(&self) -> Degree {
        self.degree
    }

    /// Types `Fp`, `Element`, `Affine` and `Xyzz`, and every function asked for so far.
    pub(crate) fn source(&self, functions: &str) -> String {
        let element = match self.degree {
            Degree::One => "struct Element { c0: Fp }",
            Degree::Two => "struct Element { c0: Fp, c1: Fp }",
        };
        let zeros = vec!["Fp()"; self.degree.residues()].join(", ");
        format!(
            "{}{element}
struct Affine {{ x: Element, y: Element }}
struct Xyzz {{ x: Element, y: Element, zz: Element, zzz: Element }}
fn element_zero() -> Element {{ return Element({zeros}); }}
fn infinity() -> Xyzz {{
let zero = element_zero();
return Xyzz(zero, zero, zero, zero);
}}
{functions}",
            self.field.source()
        )
    }

    /// Coordinate X is at most this multiple of p: what a word-packed residue can hold.
    fn x_bound(&self) -> f64 {
        self.field.layout().capacity().min(6.0)
    }

    fn point(&self, name: &str) -> [Value; 4] {
        let value = |coordinate: &str, bound| Block::value(&format!("{name}.{coordinate}"), bound);
        [
            value("x", self.x_bound()),
            value("y", Y_BOUND),
            value("zz", PRODUCT_BOUND),
            value("zzz", PRODUCT_BOUND),
        ]
    }

    /// `fn negate_affine(a: Affine) -> Affine`.
    pub(crate) fn negate_affine(&mut self) -> String {
        let mut block = Block::new(&mut self.field, self.degree);
        let y = block.linear(&[(-1, &Block::value("a.y", TABLE_BOUND))]);
        let body = block.take();
        format!(
            "fn negate_affine(a: Affine) -> Affine {{\n{body}return Affine(a.x, {});\n}}\n",
            y.name
        )
    }

    /// `fn from_affine(a: Affine) -> Xyzz`.
    pub(crate) fn lift_affine(&mut self) -> String {
        let one = self.one();
        format!(
            "fn from_affine(a: Affine) -> Xyzz {{\nlet one = {one};\nreturn Xyzz(a.x, a.y, one, one);\n}}\n"
        )
    }

    /// The expression of 1.
    fn one(&mut self) -> String {
        let one = self.field.one();
        match self.degree {
            Degree::One => format!("Element({one}())"),
            Degree::Two => format!("Element({one}(), Fp())"),
        }
    }

    /// `fn double(a: Xyzz) -> Xyzz`, dbl-2008-s-1. The point must not have order two.
    pub(crate) fn double(&mut self) -> String {
        let (x_bound, [x, y, zz, zzz]) = (self.x_bound(), self.point("a"));
        let mut b = Block::new(&mut self.field, self.degree);
        let u = b.linear(&[(2, &y)]);
        let v = b.square(&u);
        let w = b.multiply(&u, &v);
        let s = b.multiply(&x, &v);
        let x_squared = b.square(&x);
        let m = b.linear(&[(3, &x_squared)]);
        let m_squared = b.square(&m);
        let x3 = b.linear(&[(1, &m_squared), (-2, &s)]);
        let x3 = b.fit(&x3, x_bound);
        let s_less_x3 = b.subtract(&s, &x3);
        let minus_y = b.linear(&[(-1, &y)]);
        let y3 = b.sum_of_products(&[(&m, &s_less_x3), (&minus_y, &w)]);
        let zz3 = b.multiply(&v, &zz);
        let zzz3 = b.multiply(&w, &zzz);
        let body = b.take();
        format!("fn double(a: Xyzz) -> Xyzz {{\n{body}{}}}\n", returned([&x3, &y3, &zz3, &zzz3]))
    }

    /// `fn add_affine(a: Xyzz, b: Affine) -> Xyzz`, madd-2008-s, for any `a` and any `b` but
    /// infinity, equal or opposite points included. Needs `double` and `from_affine`.
    pub(crate) fn add_affine(&mut self) -> String {
        let [x1, y1, zz1, zzz1] = self.point("a");
        let limit = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        let (x2, y2) = (Block::value("b.x", TABLE_BOUND), Block::value("b.y", Y_BOUND));
        let u2 = b.multiply(&x2, &zz1);
        let s2 = b.multiply(&y2, &zzz1);
        let p = b.subtract(&u2, &x1);
        let r = b.subtract(&s2, &y1);
        let pp = b.square(&p);
        let ppp = b.multiply(&p, &pp);
        let q = b.multiply(&x1, &pp);
        let rr = b.square(&r);
        let zz3 = b.multiply(&zz1, &pp);
        let special = special(&mut b, &zz3, &zz1, &rr, "from_affine(b)", "double(from_affine(b))");
        b.statement(&special);
        let [x3, y3] = sum(&mut b, limit, &rr, &ppp, &q, &r, &y1);
        let zzz3 = b.multiply(&zzz1, &ppp);
        let body = b.take();
        let result = returned([&x3, &y3, &zz3, &zzz3]);
        format!("fn add_affine(a: Xyzz, b: Affine) -> Xyzz {{\n{body}{result}}}\n")
    }

    /// `fn add(a: Xyzz, b: Xyzz) -> Xyzz`, add-2008-s, for any two points. Needs `double`.
    pub(crate) fn add(&mut self) -> String {
        let ([x1, y1, zz1, zzz1], [x2, y2, zz2, zzz2]) = (self.point("a"), self.point("b"));
        let limit = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        let b_is_infinity = b.is_zero(&zz2);
        b.statement(&format!("if ({b_is_infinity}) {{ return a; }}"));
        let u1 = b.multiply(&x1, &zz2);
        let u2 = b.multiply(&x2, &zz1);
        let s1 = b.multiply(&y1, &zzz2);
        let s2 = b.multiply(&y2, &zzz1);
        let p = b.subtract(&u2, &u1);
        let r = b.subtract(&s2, &s1);
        let pp = b.square(&p);
        let ppp = b.multiply(&p, &pp);
        let q = b.multiply(&u1, &pp);
        let rr = b.square(&r);
        let zz = b.multiply(&zz1, &zz2);
        let zz3 = b.multiply(&zz, &pp);
        let special = special(&mut b, &zz3, &zz1, &rr, "b", "double(a)");
        b.statement(&special);
        let [x3, y3] = sum(&mut b, limit, &rr, &ppp, &q, &r, &s1);
        let zzz = b.multiply(&zzz1, &zzz2);
        let zzz3 = b.multiply(&zzz, &ppp);
        let body = b.take();
        let result = returned([&x3, &y3, &zz3, &zzz3]);
        format!("fn add(a: Xyzz, b: Xyzz) -> Xyzz {{\n{body}{result}}}\n")
    }

    /// `fn element_invert(a: Element) -> Element`, for a product.
    pub(crate) fn invert(&mut self) -> String {
        let invert = self.field.invert();
        if self.degree == Degree::One {
            return format!(
                "fn element_invert(a: Element) -> Element {{ return Element({invert}(a.c0)); }}\n"
            );
        }
        // 1 / (x + y u) = (x - y u) / (x^2 + y^2)
        let mut b = Block::new(&mut self.field, self.degree);
        let minus = b.linear(&[(-1, &Block::value("a", PRODUCT_BOUND))]);
        let body = b.take();
        let (one, two) = (self.field.multiply(1), self.field.multiply(2));
        let minus = minus.name;
        format!(
            "fn element_invert(a: Element) -> Element {{
{body}let inverse = {invert}({two}(a.c0, a.c0, a.c1, a.c1));
return Element({one}(a.c0, inverse), {one}({minus}.c1, inverse));
}}\n"
        )
    }

    /// `fn element_one() -> Element`.
    pub(crate) fn element_one(&mut self) -> String {
        format!("fn element_one() -> Element {{ return {}; }}\n", self.one())
    }

    /// `fn element_mul(a: Element, b: Element) -> Element`, of any coordinate and a product. Its
    /// results are fit for tables.
    pub(crate) fn multiply(&mut self) -> String {
        let any = self.x_bound();
        let mut b = Block::new(&mut self.field, self.degree);
        let product = b.multiply(&Block::value("a", any), &Block::value("b", PRODUCT_BOUND));
        assert!(product.bound <= TABLE_BOUND, "a product outgrows its bound");
        let body = b.take();
        format!(
            "fn element_mul(a: Element, b: Element) -> Element {{\n{body}return {};\n}}\n",
            product.name
        )
    }
}

/// What is returned where the general formula of an addition does not hold: ZZ3 is zero just
/// when the first point is at infinity or the points have the same x.
fn special(
    b: &mut Block<'_>,
    zz3: &Value,
    zz1: &Value,
    rr: &Value,
    other: &str,
    doubled: &str,
) -> String {
    let (none, first, same) = (b.is_zero(zz3), b.is_zero(zz1), b.is_zero(rr));
    format!(
        "if ({none}) {{
if ({first}) {{ return {other}; }}
if ({same}) {{ return {doubled}; }}
return infinity();
}}"
    )
}

/// X3 = R^2 - PPP - 2 Q and Y3 = R (Q - X3) - Y PPP.
fn sum(
    b: &mut Block<'_>,
    limit: f64,
    rr: &Value,
    ppp: &Value,
    q: &Value,
    r: &Value,
    y: &Value,
) -> [Value; 2] {
    let x3 = b.linear(&[(1, rr), (-1, ppp), (-2, q)]);
    let x3 = b.fit(&x3, limit);
    let q_less_x3 = b.subtract(q, &x3);
    let minus_y = b.linear(&[(-1, y)]);
    let y3 = b.sum_of_products(&[(r, &q_less_x3), (&minus_y, ppp)]);
    [x3, y3]
}

/// Returns a point, whose coordinates must keep to the bounds that its readers rely on.
fn returned(coordinates: [&Value; 4]) -> String {
    let [_, products @ ..] = coordinates;
    assert!(products.iter().all(|v| v.bound <= PRODUCT_BOUND), "a product outgrows its bound");
    let names = coordinates.map(|value| value.name.as_str()).join(", ");
    format!("return Xyzz({names});\n")
}
