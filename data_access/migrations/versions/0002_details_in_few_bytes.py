"""Details of assessments are packed; what every day of one reference repeats is kept once."""

import json
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AT_ONCE = 500

assessments = sa.table(
    "assessments",
    sa.column("id", sa.BigInteger()),
    sa.column("details", sa.JSON()),
    sa.column("packed_details", sa.LargeBinary()),
)


def upgrade() -> None:
    op.create_table(
        "assessment_facts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_assessment_facts_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment_facts")),
        sa.UniqueConstraint("model_id", "content_hash", name=op.f("uq_assessment_facts_model_id")),
    )
    # Written out: Alembic adds a column that refers to another table on SQLite only by copying the table.
    op.execute(
        "ALTER TABLE assessments ADD COLUMN facts_id INTEGER "
        "CONSTRAINT fk_assessments_facts_id_assessment_facts REFERENCES assessment_facts (id)"
    )
    op.add_column("assessments", sa.Column("packed_details", sa.LargeBinary(), server_default="", nullable=False))
    _pack()
    op.drop_column("assessments", "details")


def _pack() -> None:
    """Compress the details that are there, as they are: a first byte of 0 says so."""
    connection, done = op.get_bind(), 0
    batch = (
        sa.select(assessments.c.id, assessments.c.details)
        .where(assessments.c.id > sa.bindparam("done"))
        .order_by(assessments.c.id)
        .limit(AT_ONCE)
    )
    packing = (
        sa.update(assessments)
        .where(assessments.c.id == sa.bindparam("row"))
        .values(packed_details=sa.bindparam("packed"))
    )
    while rows := connection.execute(batch, {"done": done}).all():
        connection.execute(packing, [{"row": row.id, "packed": _packed(row.details)} for row in rows])
        done = rows[-1].id


def _packed(details: object) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return b"\x00" + compressor.compress(json.dumps(details, separators=(",", ":")).encode()) + compressor.flush()
