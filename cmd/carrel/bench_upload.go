package main

import (
	"context"

	"github.com/carrelhq/carrel/internal/bench"
)

// benchUpload are the flags of the measurements of other servers.
type benchUpload struct {
	benchLoad
	URL  string   `help:"URL of the server." required:"" name:"url"`
	Size byteSize `help:"Size of an upload, such as 4096, 64KiB or 1MiB." default:"4096"`
}

func (u benchUpload) upload() bench.Upload {
	return bench.Upload{Load: u.load(), URL: u.URL, Size: int(u.Size)}
}

type benchPut struct{ benchUpload }

// Help is what --help adds.
func (benchPut) Help() string {
	return `Example, for a file server that stores the body of a PUT under its path:

  carrel bench put --url http://127.0.0.1:8000/uploads

docs/benchmarks.md says how Carrel is compared with other servers.`
}

// Run measures and prints.
func (c *benchPut) Run(ctx context.Context) error {
	return c.run(func(progress func(string)) (bench.Result, error) { return bench.Put(ctx, c.upload(), progress) })
}

type benchS3 struct {
	benchUpload
	Bucket    string `help:"Bucket to upload into; made if it is missing." default:"carrel-bench"`
	AccessKey string `help:"Access key." required:""`
	SecretKey string `help:"Secret key." required:"" env:"CARREL_BENCH_SECRET_KEY"`
	Region    string `help:"Region that requests are signed for." default:"us-east-1"`
}

// Help is what --help adds.
func (benchS3) Help() string {
	return `Example:

  carrel bench s3 --url http://127.0.0.1:7070 --access-key bench --secret-key bench-secret

Each request is signed beforehand by itself, without a hash of its content. What is uploaded stays in the bucket.`
}

// Run measures and prints.
func (c *benchS3) Run(ctx context.Context) error {
	bucket := bench.S3{Bucket: c.Bucket, AccessKey: c.AccessKey, SecretKey: c.SecretKey, Region: c.Region}
	return c.run(func(progress func(string)) (bench.Result, error) {
		return bench.PutObjects(ctx, c.upload(), bucket, progress)
	})
}

type benchPocketBase struct {
	benchUpload
	Email      string `help:"E-mail address of a superuser of PocketBase."`
	Password   string `help:"Password of the superuser." env:"CARREL_BENCH_PASSWORD"`
	Token      string `help:"Token of a superuser, in place of both." env:"CARREL_BENCH_TOKEN"`
	Collection string `help:"Collection to upload into; made if it is missing. Its files are in the field \"file\"." default:"carrel_bench"`
}

// Help is what --help adds.
func (benchPocketBase) Help() string {
	return `Example:

  carrel bench pocketbase --url http://127.0.0.1:8090 --email bench@example.org --password bench-password

Each upload makes a record with one file. What is uploaded stays in the collection.`
}

// Run measures and prints.
func (c *benchPocketBase) Run(ctx context.Context) error {
	p := bench.PocketBase{Email: c.Email, Password: c.Password, Token: c.Token, Collection: c.Collection}
	return c.run(func(progress func(string)) (bench.Result, error) {
		return bench.CreateRecords(ctx, c.upload(), p, progress)
	})
}
