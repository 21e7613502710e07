-- name: AddDelivery :exec
INSERT INTO deliveries (id, library_id, application_id, contract_id, grant_id, account_id, provider_name, types, state,
    status, reason, attempts, lease, lease_until, next_at, expires_at, created_at, updated_at, size)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19);

-- name: AddDeliveryContent :exec
INSERT INTO delivery_contents (delivery_id, payload, answer, answered_at) VALUES ($1, $2, $3, $4);

-- name: SumWaiting :one
SELECT COUNT(*) AS number, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS size FROM deliveries
WHERE account_id = $1 AND state = 'waiting';

-- name: GetPayload :one
SELECT payload FROM delivery_contents WHERE delivery_id = $1;

-- name: ListClaimable :many
SELECT id FROM deliveries
WHERE state = 'waiting' AND next_at <= sqlc.arg(now) AND lease_until <= sqlc.arg(now)
ORDER BY next_at, id LIMIT sqlc.arg(lim);

-- If two transactions claim a delivery, the second waits until the first has written the
-- row, and then evaluates the condition again. So only one of them gets the delivery.
-- name: ClaimDelivery :one
UPDATE deliveries SET lease = sqlc.arg(lease), lease_until = sqlc.arg(until)
WHERE id = sqlc.arg(id) AND state = 'waiting' AND next_at <= sqlc.arg(now) AND lease_until <= sqlc.arg(now)
RETURNING *;

-- name: BeginPosting :one
UPDATE deliveries SET state = 'posting', attempts = attempts + 1, lease_until = sqlc.arg(until)
WHERE id = sqlc.arg(id) AND state = 'waiting' AND lease <> '' AND lease = sqlc.arg(lease) AND lease_until > sqlc.arg(now)
RETURNING grant_id, account_id;

-- name: MayPost :one
SELECT CAST(EXISTS (SELECT 1 FROM grants WHERE grants.id = sqlc.arg(grant_id) AND grants.revoked_at = 0
        AND grants.expires_at > CAST(sqlc.arg(now) AS BIGINT))
    AND EXISTS (SELECT 1 FROM provider_accounts WHERE provider_accounts.id = sqlc.arg(account_id)
        AND provider_accounts.grant_id = sqlc.arg(grant_id)) AS BOOLEAN) AS may;

-- name: Postpone :execrows
UPDATE deliveries SET state = 'waiting', status = sqlc.arg(status), reason = sqlc.arg(reason), next_at = sqlc.arg(next_at),
    updated_at = sqlc.arg(at), lease = '', lease_until = 0
WHERE id = sqlc.arg(id) AND state IN ('waiting', 'posting') AND lease <> '' AND lease = sqlc.arg(lease);

-- name: EndDelivery :execrows
UPDATE deliveries SET state = sqlc.arg(state), status = sqlc.arg(status), reason = sqlc.arg(reason),
    updated_at = sqlc.arg(at), lease = '', lease_until = 0
WHERE id = sqlc.arg(id) AND state IN ('waiting', 'posting') AND lease <> '' AND lease = sqlc.arg(lease);

-- name: EndDeliveryContent :exec
UPDATE delivery_contents SET payload = NULL, answer = $2, answered_at = $3 WHERE delivery_id = $1;

-- name: DeletePayloadsOfLibrary :exec
UPDATE delivery_contents SET payload = NULL WHERE delivery_id IN (
    SELECT d.id FROM deliveries d WHERE d.library_id = sqlc.arg(library_id) AND d.state = 'waiting');

-- name: ExpireDeliveriesOfLibrary :exec
UPDATE deliveries SET state = 'expired', reason = sqlc.arg(reason), updated_at = sqlc.arg(at),
    lease = '', lease_until = 0
WHERE library_id = sqlc.arg(library_id) AND state = 'waiting';

-- name: DeletePayloadsOfGrant :exec
UPDATE delivery_contents SET payload = NULL WHERE delivery_id IN (
    SELECT d.id FROM deliveries d WHERE d.library_id = sqlc.arg(library_id) AND d.state = 'waiting' AND d.grant_id = sqlc.arg(grant_id));

-- name: ExpireDeliveriesOfGrant :exec
UPDATE deliveries SET state = 'expired', reason = sqlc.arg(reason), updated_at = sqlc.arg(at),
    lease = '', lease_until = 0
WHERE library_id = sqlc.arg(library_id) AND state = 'waiting' AND grant_id = sqlc.arg(grant_id);

-- name: DeletePayloadsOfConnection :exec
UPDATE delivery_contents SET payload = NULL WHERE delivery_id IN (
    SELECT d.id FROM deliveries d WHERE d.library_id = sqlc.arg(library_id) AND d.state = 'waiting' AND d.account_id = sqlc.arg(account_id));

-- name: ExpireDeliveriesOfConnection :exec
UPDATE deliveries SET state = 'expired', reason = sqlc.arg(reason), updated_at = sqlc.arg(at),
    lease = '', lease_until = 0
WHERE library_id = sqlc.arg(library_id) AND state = 'waiting' AND account_id = sqlc.arg(account_id);

-- name: ListAbandoned :many
SELECT * FROM deliveries
WHERE state = 'posting' AND lease_until > 0 AND lease_until <= sqlc.arg(now)
ORDER BY lease_until, id LIMIT sqlc.arg(lim);

-- due is the earliest time at which a waiting delivery can be attempted, of those whose
-- lease has ended by then. leased is the earliest end of a lease, of the others.
-- name: NextDue :one
SELECT
    CAST(COALESCE((SELECT MIN(next_at) FROM deliveries WHERE state = 'waiting' AND lease_until <= next_at), 0) AS BIGINT) AS due,
    CAST(COALESCE((SELECT MIN(lease_until) FROM deliveries
        WHERE state = 'waiting' AND lease_until > 0 AND lease_until > next_at), 0) AS BIGINT) AS leased;

-- name: GetDelivery :one
SELECT sqlc.embed(deliveries), delivery_contents.payload, delivery_contents.answer
FROM deliveries JOIN delivery_contents ON delivery_contents.delivery_id = deliveries.id WHERE deliveries.id = $1;

-- name: HasDelivery :one
SELECT CAST(EXISTS (SELECT 1 FROM deliveries WHERE id = $1) AS BOOLEAN) AS has;

-- What is no time is left out, since a page cannot begin after it. Only the cursor bounds the column itself: SQLite would
-- otherwise search from the newest.
-- name: ListDeliveries :many
SELECT * FROM deliveries
WHERE library_id = sqlc.arg(library_id) AND (created_at, id) < (sqlc.arg(created_at), CAST(sqlc.arg(id) AS TEXT))
    AND CAST(created_at AS BIGINT) = created_at AND CAST(created_at AS BIGINT) BETWEEN 0 AND 253402300799999
    AND (sqlc.arg(contract_id) = ''
        OR application_id = sqlc.arg(application_id) AND contract_id = sqlc.arg(contract_id))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(lim);

-- name: CountWaiting :one
SELECT COUNT(*) FROM deliveries WHERE library_id = $1 AND state IN ('waiting', 'posting');

-- name: ForgetAnswers :execrows
UPDATE delivery_contents SET answer = NULL, answered_at = 0 WHERE delivery_id IN (
    SELECT c.delivery_id FROM delivery_contents c
    WHERE c.answered_at > 0 AND c.answered_at < sqlc.arg(before) LIMIT sqlc.arg(portion));
