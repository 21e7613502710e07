package library

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchesShareChecks: a thousand transfers that one grant allows share the question whether it stands, end
// together with it, and leave nothing behind.
func TestWatchesShareChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w watches
		var asked atomic.Int32
		var ended atomic.Bool
		holds := func(context.Context) (bool, error) { asked.Add(1); return !ended.Load(), nil }
		var transfers []context.Context
		var stops []func()
		for range 1000 {
			ctx, stop := w.add(t.Context(), "grant", holds)
			transfers, stops = append(transfers, ctx), append(stops, stop)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		if n := asked.Load(); n != 24 {
			t.Errorf("asked %d times in ten seconds, want 24", n)
		}
		for _, ctx := range transfers {
			if ctx.Err() != nil {
				t.Fatal("a transfer ended that is allowed")
			}
		}
		ended.Store(true)
		time.Sleep(watchInterval)
		for i, ctx := range transfers {
			if !errors.Is(context.Cause(ctx), ErrEnded) {
				t.Fatalf("the cause is %v", context.Cause(ctx))
			}
			stops[i]()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := asked.Load(); len(w.watched) != 0 || w.planned || n != 25 {
			t.Errorf("%d are watched, asked %d times", len(w.watched), n)
		}
	})
}

// TestWatchesApart: each thing that allows transfers is asked for its own; an answer that fails or does not come ends
// nothing, and does not keep the others.
func TestWatchesApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w watches
		add := func(key string, holds func(context.Context) (bool, error)) context.Context {
			ctx, stop := w.add(t.Context(), key, holds)
			t.Cleanup(stop)
			return ctx
		}
		fine := add("fine", func(context.Context) (bool, error) { return true, nil })
		away := errors.New("the database is away")
		failing := add("failing", func(context.Context) (bool, error) { return false, away })
		hanging := add("hanging", func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() })
		ended := add("ended", func(context.Context) (bool, error) { return false, nil })
		time.Sleep(2*watchInterval + watchTimeout + time.Millisecond)
		synctest.Wait()
		if !errors.Is(context.Cause(ended), ErrEnded) {
			t.Error("a transfer goes on that nothing allows")
		}
		for name, ctx := range map[string]context.Context{"fine": fine, "failing": failing, "hanging": hanging} {
			if ctx.Err() != nil {
				t.Errorf("%s: ended with %v", name, context.Cause(ctx))
			}
		}
		// Who cannot ask for long does not know what has ended at another server.
		time.Sleep(maxWatchFailures * (watchInterval + watchTimeout))
		synctest.Wait()
		if fine.Err() != nil || !errors.Is(context.Cause(failing), ErrEnded) ||
			!errors.Is(context.Cause(hanging), ErrEnded) {
			t.Errorf("after long: %v, %v, %v", fine.Err(), context.Cause(failing), context.Cause(hanging))
		}
	})
}

// TestWatchesNewTransfer: what a check finds counts for the transfers of before it, because those that begin meanwhile
// may have been allowed anew. One that has just begun is not asked for.
func TestWatchesNewTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w watches
		asked := make(chan bool)
		holds := func(context.Context) (bool, error) { stands, ok := <-asked; return stands || !ok, nil }
		first, stopFirst := w.add(t.Context(), "grant", holds)
		time.Sleep(2*watchInterval + time.Millisecond) // the check is under way
		second, stopSecond := w.add(t.Context(), "grant", holds)
		time.Sleep(watchInterval)
		asked <- false
		synctest.Wait()
		if !errors.Is(context.Cause(first), ErrEnded) || second.Err() != nil {
			t.Errorf("the first: %v, the second: %v", context.Cause(first), context.Cause(second))
		}
		close(asked)
		stopFirst()
		stopSecond()
		time.Sleep(watchInterval)
	})
}
