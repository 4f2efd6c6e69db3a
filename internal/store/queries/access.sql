-- name: AddGroup :execrows
INSERT INTO user_groups (id, name, created_at) VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(created_at))
ON CONFLICT DO NOTHING;

-- name: Groups :many
SELECT id, name, created_at FROM user_groups ORDER BY lower(name);

-- name: GroupByName :one
SELECT id, name, created_at FROM user_groups WHERE lower(name) = lower(sqlc.arg(name));

-- name: RemoveGroup :execrows
DELETE FROM user_groups WHERE id = sqlc.arg(id);

-- name: AddMember :execrows
INSERT INTO group_members (group_id, user_id, source) VALUES (sqlc.arg(group_id), sqlc.arg(user_id), sqlc.arg(source))
ON CONFLICT DO NOTHING;

-- name: RemoveMemberOf :exec
DELETE FROM group_members WHERE group_id = sqlc.arg(group_id) AND user_id = sqlc.arg(user_id) AND source = sqlc.arg(source);

-- name: RemoveMember :execrows
DELETE FROM group_members WHERE group_id = sqlc.arg(group_id) AND user_id = sqlc.arg(user_id);

-- name: Members :many
SELECT m.group_id, m.user_id, u.name FROM group_members m JOIN users u ON u.id = m.user_id ORDER BY lower(u.name);

-- name: GiveUser :exec
INSERT INTO grants (id, user_id, role, scope, created_at)
VALUES (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(role), sqlc.arg(scope), sqlc.arg(created_at))
ON CONFLICT (user_id, scope) WHERE user_id IS NOT NULL DO UPDATE SET role = excluded.role;

-- name: GiveGroup :exec
INSERT INTO grants (id, group_id, role, scope, created_at)
VALUES (sqlc.arg(id), sqlc.arg(group_id), sqlc.arg(role), sqlc.arg(scope), sqlc.arg(created_at))
ON CONFLICT (group_id, scope) WHERE group_id IS NOT NULL DO UPDATE SET role = excluded.role;

-- name: TakeFromUser :execrows
DELETE FROM grants WHERE user_id = sqlc.arg(user_id) AND scope = sqlc.arg(scope);

-- name: TakeFromGroup :execrows
DELETE FROM grants WHERE group_id = sqlc.arg(group_id) AND scope = sqlc.arg(scope);

-- name: Grants :many
SELECT user_id, group_id, role, scope FROM grants ORDER BY scope, role;

-- name: GrantsFor :many
SELECT role, scope FROM grants
WHERE user_id = CAST(sqlc.arg(user_id) AS TEXT)
   OR group_id IN (SELECT m.group_id FROM group_members m WHERE m.user_id = CAST(sqlc.arg(user_id) AS TEXT));

-- name: CountAdmins :one
SELECT COUNT(*) FROM users u WHERE EXISTS (
    SELECT 1 FROM grants g WHERE g.role = 'admin' AND g.scope = ''
       AND (g.user_id = u.id OR g.group_id IN (SELECT m.group_id FROM group_members m WHERE m.user_id = u.id)));
