package digime

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// PushInput is a file to push, with its description. Data, MIMEType and AccountID are required.
type PushInput struct {
	// Data is the content, of any length. It is sent while it is read, and it is not closed. If Data is an
	// [io.Seeker], it is sent from its current offset, and sent again from there if the access token turns out to
	// have expired. Each call of Push needs a new reader, or one that was rewound: a reader that was read to its end,
	// such as a [bytes.Buffer], pushes an empty file.
	Data io.Reader
	// MIMEType is the type of the content, such as "application/pdf".
	MIMEType string
	// AccountID identifies the person in the application's own system. It is not an id of [User.ListAccounts].
	AccountID string

	// Reference lists names that the application has for the file, usually its file name.
	Reference []string
	// Tags are labels by which the file can be selected: see [MetadataFilter].
	Tags []string
	// ObjectTypes say what the content is.
	ObjectTypes []ObjectType
	// ServiceGroups are the service groups that the content belongs to.
	ServiceGroups []ServiceGroupID
	// ProviderName is the name of the author of the file.
	ProviderName string
	// Extra is further metadata, which a reader receives unchanged. The values are marshalled to JSON.
	Extra map[string]any
}

// expiresSoon is the time that an access token must remain valid for data that can be read only once.
const expiresSoon = time.Minute

// Push adds a file to the person's library. It requires a write contract ([ErrInsufficientScope]). When it returns nil,
// the server has stored the file.
//
// Push is not repeated after an error, because the server may have stored the file. Only when the server refuses the
// access token is the token refreshed and the data sent again. If the data cannot be read twice, Push refreshes a token
// that is about to expire before it sends anything, and returns [ErrCannotResend] if the token is refused nevertheless.
// To push again after any error, give a new reader as Data. After [ErrInvalidResponse] or an error of the network the
// server may have stored the file already.
func (u *User) Push(ctx context.Context, in PushInput) error {
	cl, err := u.pushCall(in)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	body := newPushBody(ctx, in.Data)
	if !body.canRewind() && u.expiresSoon() {
		if err := u.Refresh(ctx); err != nil {
			return fmt.Errorf("push: %w", err)
		}
	}
	cl.stream = body
	if err := u.do(ctx, cl, readAcknowledgement); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// pushCall returns the call without its body.
func (u *User) pushCall(in PushInput) (call, error) {
	switch {
	case u.contract == nil || u.contract.key == nil:
		return call{}, invalid("no contract: see Client.ParseContract")
	case in.Data == nil:
		return call{}, invalid("no Data")
	case in.MIMEType == "":
		return call{}, invalid("no MIMEType")
	case in.AccountID == "":
		return call{}, invalid("no AccountID")
	}
	descriptor := wire.Descriptor{
		MIMEType:  in.MIMEType,
		Accounts:  []wire.DescriptorAccount{{AccountID: in.AccountID}},
		Reference: in.Reference, Tags: in.Tags, ObjectTypes: wireObjectTypes(in.ObjectTypes),
		ServiceGroups: convertNumbers[int](in.ServiceGroups), ProviderName: in.ProviderName,
		Extra: make(map[string]json.RawMessage, len(in.Extra)),
	}
	for name, value := range in.Extra {
		text, err := json.Marshal(value)
		if err != nil {
			return call{}, invalid("extra metadata %q: %w", name, err)
		}
		descriptor.Extra[name] = text
	}
	metadata, err := json.Marshal(descriptor)
	if err != nil {
		return call{}, invalid("metadata: %w", err)
	}
	header, err := wire.Sign(u.contract.key, wire.Header{}, wire.DescriptorClaims{Metadata: metadata})
	if err != nil {
		return call{}, err
	}
	return call{
		method: http.MethodPost, path: literal("permission-access/import"),
		header: map[string]string{"Content-Type": "application/octet-stream", "FileDescriptor": header},
	}, nil
}

func (u *User) expiresSoon() bool {
	token := u.Token()
	return !token.AccessToken.Expiry.IsZero() && !token.RefreshToken.Value.IsZero() &&
		u.contract.client.now().Add(expiresSoon).After(token.AccessToken.Expiry)
}
