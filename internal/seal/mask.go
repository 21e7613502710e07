package seal

// masked hides a value from fmt, which prints unexported fields of other values by
// reflection, without calling their methods. Of a function it prints only the address.
type masked[T any] func() T

func maskedOf[T any](v T) masked[T] { return func() T { return v } }

// value returns the hidden value, or the zero value if there is none.
func (h masked[T]) value() (v T) {
	if h == nil {
		return v
	}
	return h()
}

const maskText = "[secret]"
