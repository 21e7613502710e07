package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

type clientList struct {
	credentials
	Contract  string   `help:"Contract: its name in the credentials file, or its id." default:"read"`
	Tag       []string `help:"Only files with this label; repeat for more." sep:"none"`
	MIMEType  []string `help:"Only files of this type; repeat for more." name:"mime-type" sep:"none"`
	NamesOnly bool     `help:"Do not ask for what is known of each file."`
	JSON      bool     `help:"Print JSON."`
}

// Help is what --help adds.
func (clientList) Help() string {
	return "Example:\n\n  carrel client list --tag letters --json"
}

// Run lists the files.
func (c *clientList) Run(ctx context.Context) error {
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	var options digime.SessionOptions
	if c.Tag != nil || c.MIMEType != nil {
		filter := digime.MetadataFilter{Tags: c.Tag, MIMETypes: c.MIMEType}
		options.Scope = digime.Scope{Criteria: []digime.Criterion{{Metadata: filter}}}
	}
	session, err := user.StartSession(ctx, options)
	if err != nil {
		return err
	}
	list, err := completeList(ctx, session)
	if err != nil {
		return err
	}
	views := make([]fileView, 0, len(list.Files))
	for _, f := range list.Files {
		view := fileView{Name: f.Name, Updated: wire.MillisOf(f.UpdatedAt)}
		if !c.NamesOnly {
			metadata, err := session.GetFileMetadata(ctx, f.Name)
			if err != nil {
				return err
			}
			view.Raw, view.Mapped = metadata.Raw, metadata.Mapped
		}
		views = append(views, view)
	}
	if c.JSON {
		return printJSON(views)
	}
	return printTable(views, "NAME\tUPDATED\tTYPE\tREFERENCE", func(v fileView) string {
		kind, reference := "", ""
		switch {
		case v.Raw != nil:
			kind, reference = v.Raw.MIMEType, strings.Join(v.Raw.Reference, ", ")
		case v.Mapped != nil:
			kind, reference = v.Mapped.ObjectType, v.Mapped.ServiceName
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s", v.Name, v.Updated.Time().Local().Format(time.DateTime), kind, reference)
	})
}

// completeList asks for the list until the session is complete.
func completeList(ctx context.Context, session *digime.Session) (digime.FileList, error) {
	for {
		list, err := session.ListFiles(ctx)
		if err != nil {
			return digime.FileList{}, err
		}
		if list.State.Final() {
			return list, nil
		}
		select {
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
			return digime.FileList{}, ctx.Err()
		}
	}
}
