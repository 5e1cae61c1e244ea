PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
INSERT INTO versions VALUES('subscriptions',3);
INSERT INTO versions VALUES('config',1);
INSERT INTO versions VALUES('contexts',1);
CREATE TABLE subscriptions (
        owner TEXT NOT NULL,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        document TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        modified_at INTEGER NOT NULL,
        times_sent INTEGER NOT NULL DEFAULT 0,
        times_failed INTEGER NOT NULL DEFAULT 0,
        last_notification TEXT,
        last_success TEXT,
        last_failure TEXT,
        is_ok INTEGER, purpose TEXT, proof TEXT,
        PRIMARY KEY (owner, tenant, id)
    ) STRICT;
INSERT INTO subscriptions VALUES('watcher','','urn:ngsi-ld:Subscription:aeds','{"id":"urn:ngsi-ld:Subscription:aeds","type":"Subscription","description":"AED","entities":[{"type":"n0"}],"watchedAttributes":["n1"],"notificationTrigger":["attributeCreated","attributeUpdated"],"jsonldContext":"http://localhost:8080/ngsi-ld/v1/jsonldContexts/kakehashi","notification":{"endpoint":{"uri":"http://127.0.0.1:9/n"}},"@context":{"n0":"https://kakehashi.example.jp/vocab/AED","n1":"https://smartdatamodels.org/name"}}',1796013701682,1796013701682,0,0,NULL,NULL,NULL,NULL,NULL,'key 3047f093e2a3223e33c7d3c80f6ce9a25e0c5bdc52a4403be6b5c507a17f3a14');
INSERT INTO subscriptions VALUES('watcher','yaita','urn:ngsi-ld:Subscription:two','{"id":"urn:ngsi-ld:Subscription:two","type":"Subscription","entities":[{"type":"n0"}],"notificationTrigger":["attributeCreated","attributeUpdated"],"q":"n1","jsonldContext":"http://localhost:8080/ngsi-ld/v1/jsonldContexts/kakehashi","notification":{"endpoint":{"uri":"http://127.0.0.1:9/n"}},"@context":{"n0":"https://kakehashi.example.jp/vocab/AED","n1":"https://smartdatamodels.org/name"}}',1796013701693,1796013701699,3,1,'2026-11-30T04:41:43.1Z','2026-11-30T04:41:42Z','2026-11-30T04:41:43.1Z',0,'disaster-response','key 3047f093e2a3223e33c7d3c80f6ce9a25e0c5bdc52a4403be6b5c507a17f3a14');
CREATE TABLE config_texts (
        hash TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
INSERT INTO config_texts VALUES('480e556f2fa0cb3eb059ce540b5b1ff1cf35341bfe55a9355c417b7e45d319e8',replace('[tenants.sano]\n','\n',char(10)));
INSERT INTO config_texts VALUES('c5ad120fb9af314a4a45eb7c8934145087f995daff99968501683a0c84a79473',replace('permit (principal, action, resource);\n','\n',char(10)));
INSERT INTO config_texts VALUES('e3d788a7d73e20efd063cee65c08b5715f0fcee2ae172d885971c3f0ad4ddc65',replace('[tenants.yaita]\n','\n',char(10)));
CREATE TABLE config_revisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        revision TEXT NOT NULL,
        at INTEGER NOT NULL,
        cause TEXT NOT NULL,
        administrator TEXT,
        files TEXT NOT NULL
    ) STRICT;
INSERT INTO config_revisions VALUES(1,'8dd9eb63637606a8edca5352b10ff9fb94087a122aa1efe7c5cc6f854d0a159e',1796013701065,'start',NULL,'{"policies/sano.cedar":"c5ad120fb9af314a4a45eb7c8934145087f995daff99968501683a0c84a79473","tenants.toml":"480e556f2fa0cb3eb059ce540b5b1ff1cf35341bfe55a9355c417b7e45d319e8"}');
INSERT INTO config_revisions VALUES(3,'3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3',1796013706065,'apply','hanako','{"policies/sano.cedar":"c5ad120fb9af314a4a45eb7c8934145087f995daff99968501683a0c84a79473","tenants.toml":"e3d788a7d73e20efd063cee65c08b5715f0fcee2ae172d885971c3f0ad4ddc65"}');
CREATE TABLE contexts (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
INSERT INTO contexts VALUES('b039c241251af3f8bed5f971ec539aff','watcher','Hosted',1796013701122,'{"@context":{"name":"https://example.org/name"}}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('config_revisions',3);
CREATE INDEX contexts_by_owner ON contexts (owner);
COMMIT;
