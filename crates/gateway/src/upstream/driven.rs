//! What goes on only while somebody waits for what comes of it.
//!
//! A connection with a task of its own is woken by what arrives, wakes the request that waits for it, and is woken again
//! when that has taken it: three turns of the runtime for each piece of an answer. Here whoever waits makes it go, in one.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// How often it is gone on with in one turn: what never comes to rest lets others have theirs.
const MAX_ROUNDS: usize = 16;

/// Something that ends by itself, but goes on only by [`wait`](Self::wait).
pub(super) struct Driven<F> {
    /// Absent once it has ended.
    work: Option<Pin<Box<F>>>,
    calm: Arc<Calm>,
    waker: Waker,
}

/// Wakes who waits, but not for what the waiting itself has set off.
#[derive(Default)]
struct Calm {
    waiting: Mutex<Option<Waker>>,
    /// Whether the work is being gone on with just now.
    is_busy: AtomicBool,
    /// Whether something has come for it since it was last gone on with.
    has_more: AtomicBool,
}

impl<F: Future> Driven<F> {
    pub(super) fn new(work: F) -> Self {
        // The first step is to be taken in any case.
        let calm = Arc::new(Calm { has_more: true.into(), ..Calm::default() });
        let waker = Waker::from(Arc::clone(&calm));
        Self { work: Some(Box::pin(work)), calm, waker }
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.work.is_none()
    }

    /// What `poll` waits for, with as much going on as that takes. Once it has ended, all that it held is dropped: whoever
    /// waits for something of it hears of that.
    pub(super) fn wait<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.calm.is_for(Some(cx.waker()));
        self.calm.is_busy.store(true, Ordering::SeqCst);
        let mut waited = poll(&mut Context::from_waker(&self.waker));
        for _ in 0..MAX_ROUNDS {
            if waited.is_ready() || !self.go_on() {
                break;
            }
            waited = poll(&mut Context::from_waker(&self.waker));
        }
        // Who wakes says so before it looks whether anybody is busy, so that nothing is missed between the two.
        self.calm.is_busy.store(false, Ordering::SeqCst);
        if waited.is_pending() && self.work.is_some() && self.calm.has_more.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
        waited
    }

    /// Goes on as far as that comes without waiting, for nobody.
    pub(super) fn settle(&mut self) {
        self.calm.is_for(None);
        for _ in 0..MAX_ROUNDS {
            if !self.go_on() {
                break;
            }
        }
    }

    /// Takes a step, if there is one to take: it was woken since the last one.
    fn go_on(&mut self) -> bool {
        let Some(work) = &mut self.work else { return false };
        if !self.calm.has_more.swap(false, Ordering::SeqCst) {
            return false;
        }
        if work.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready() {
            self.work = None;
        }
        true
    }
}

impl<F> fmt::Debug for Driven<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driven")
    }
}

impl Calm {
    /// Who waits from here on. A waker that is kept keeps all of its task, so that it goes when nobody waits.
    fn is_for(&self, waker: Option<&Waker>) {
        let mut waiting = self.waiting();
        match (&mut *waiting, waker) {
            (Some(known), Some(waker)) => known.clone_from(waker),
            (waiting, waker) => *waiting = waker.cloned(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Calm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_more.store(true, Ordering::SeqCst);
        if !self.is_busy.load(Ordering::SeqCst) {
            // Not with the lock held: what is woken may run at once.
            let waiting = self.waiting().clone();
            if let Some(waker) = waiting {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    /// Counts how often somebody is woken.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// A bell, and whoever hears it.
    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::<Bell>::default();
        (Arc::clone(&bell), Waker::from(bell))
    }

    #[test]
    fn what_it_sets_off_itself_wakes_nobody() {
        let (bell, waker) = bell();
        let mut left = 3;
        let mut work = Driven::new(poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
        let waited = work.wait(&mut Context::from_waker(&waker), |_| Poll::<()>::Pending);
        assert!(waited.is_pending() && work.has_ended());
        // The last one may be for whoever waits.
        assert!(bell.0.load(Relaxed) <= 1);
    }

    #[test]
    fn what_comes_from_elsewhere_wakes_who_waits_now() {
        let kept = Arc::new(Mutex::new(None::<Waker>));
        let keeps = Arc::clone(&kept);
        let mut work = Driven::new(poll_fn(move |cx| {
            *keeps.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let ring = || kept.lock().unwrap().as_ref().unwrap().wake_by_ref();
        let ((first, one), (second, two)) = (bell(), bell());
        let heard = || (first.0.load(Relaxed), second.0.load(Relaxed));
        assert!(work.wait(&mut Context::from_waker(&one), |_| Poll::<()>::Pending).is_pending());
        ring();
        assert_eq!(heard(), (1, 0));
        assert!(work.wait(&mut Context::from_waker(&two), |_| Poll::<()>::Pending).is_pending());
        ring();
        assert_eq!(heard(), (1, 1));
        work.settle();
        ring();
        assert_eq!(heard(), (1, 1), "nobody waits");
        assert_eq!(Arc::strong_count(&second), 2, "and nobody is kept");
    }

    #[test]
    fn what_never_comes_to_rest_lets_others_have_their_turn() {
        let (bell, waker) = bell();
        let mut work = Driven::new(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert!(work.wait(&mut Context::from_waker(&waker), |_| Poll::<()>::Pending).is_pending());
        assert_eq!(bell.0.load(Relaxed), 1);
    }

    #[test]
    fn what_is_there_is_taken_before_and_behind_a_step() {
        let (_bell, waker) = bell();
        let steps = AtomicUsize::new(0);
        let mut work = Driven::new(poll_fn(|_| {
            steps.fetch_add(1, Relaxed);
            Poll::<()>::Pending
        }));
        let cx = &mut Context::from_waker(&waker);
        assert_eq!(work.wait(cx, |_| Poll::Ready(7)), Poll::Ready(7));
        assert_eq!(steps.load(Relaxed), 0);
        let made = |_: &mut Context<'_>| match steps.load(Relaxed) {
            0 => Poll::Pending,
            steps => Poll::Ready(steps),
        };
        assert_eq!(work.wait(cx, made), Poll::Ready(1));
    }
}
