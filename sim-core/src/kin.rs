//! State that several programs share, when they are copied for a run.
//!
//! A plan is a template: each domain gets copies of its programs, in their initial state. Programs of one
//! object run on one set of maps, so their copies have to find the same copy of it. They look for it here, by
//! the template that they hold.

use std::any::Any;
use std::sync::Arc;

/// What a set of programs, copied together, has copied already.
///
/// ```
/// use std::sync::Arc;
/// use xdpsim_core::Kin;
///
/// let template = Arc::new(vec![1, 2]);
/// let mut kin = Kin::default();
/// let one = kin.share(&template, Vec::clone);
/// let other = kin.share(&template, Vec::clone);
/// assert!(Arc::ptr_eq(&one, &other) && !Arc::ptr_eq(&one, &template));
/// ```
#[derive(Default)]
pub struct Kin {
    copies: Vec<(usize, Arc<dyn Any + Send + Sync>)>,
}

impl Kin {
    /// The copy of this template, made by the first one who asks.
    pub fn share<T: Send + Sync + 'static>(
        &mut self,
        template: &Arc<T>,
        copy: impl FnOnce(&T) -> T,
    ) -> Arc<T> {
        // Who asks holds the template, so its address is nobody else's meanwhile.
        let place = Arc::as_ptr(template) as usize;
        let known = self.copies.iter().find(|(of, _)| *of == place);
        if let Some(Ok(known)) = known.map(|(_, copy)| Arc::clone(copy).downcast::<T>()) {
            return known;
        }
        let fresh = Arc::new(copy(template));
        self.copies.push((place, Arc::clone(&fresh) as Arc<dyn Any + Send + Sync>));
        fresh
    }
}
