"""Tiny models of random weights in the layout of real ones. Every function needs torch, and imports it itself."""

import json
from pathlib import Path


def tokenizer(folder: Path, pad: str = "<|endoftext|>"):
    """One token a byte."""
    from transformers import CLIPTokenizer

    signs = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in signs]
    letters = [chr(sign) for sign in signs] + [chr(256 + place) for place in range(len(others))]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=77, pad_token=pad)


def text_config(**more):
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        **{
            "hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 3,
            "vocab_size": 520, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513,
        } | more,
    )  # fmt: skip


def vae(seed: int = 0):
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    return AutoencoderKL(
        block_out_channels=[32, 64], in_channels=3, out_channels=3, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, sample_size=64,
    )  # fmt: skip


def sd_model(folder: Path, seed: int = 0) -> Path:
    """StableDiffusionPipeline, about 4 MB; 4 latents stand for 2x2 pixels."""
    import torch
    from diffusers import PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, norm_num_groups=32, attention_head_dim=8,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        unet=unet, vae=vae(seed), text_encoder=CLIPTextModel(text_config()).eval(),
        tokenizer=tokenizer(folder / "tokenizer"),
        scheduler=PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
                                steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return folder


def sdxl_model(folder: Path, seed: int = 0, refiner: bool = False) -> Path:
    import torch
    from diffusers import (
        EulerDiscreteScheduler,
        StableDiffusionXLImg2ImgPipeline,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    width = 32 if refiner else 64
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=32 + 8 * (5 if refiner else 6), cross_attention_dim=width,
    )  # fmt: skip
    second = CLIPTextModelWithProjection(text_config(projection_dim=32, hidden_act="gelu")).eval()
    parts = {
        "unet": unet, "vae": vae(seed), "text_encoder_2": second,
        "tokenizer_2": tokenizer(folder / "tokenizer_2", pad="!"),
        "scheduler": EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                            steps_offset=1, timestep_spacing="leading"),
    }  # fmt: skip
    if refiner:
        pipeline = StableDiffusionXLImg2ImgPipeline(
            text_encoder=None, tokenizer=None, requires_aesthetics_score=True, **parts
        )
    else:
        pipeline = StableDiffusionXLPipeline(
            text_encoder=CLIPTextModel(text_config()).eval(), tokenizer=tokenizer(folder / "tokenizer"), **parts
        )
    pipeline.save_pretrained(folder)
    return folder


def controlnet(folder: Path, seed: int = 0) -> Path:
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(seed)
    net = ControlNetModel(
        block_out_channels=(32, 64), layers_per_block=1, in_channels=4, cross_attention_dim=32, attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), conditioning_embedding_out_channels=(16, 32),
        norm_num_groups=32,
    )  # fmt: skip
    for parameter in (*net.controlnet_down_blocks.parameters(), *net.controlnet_mid_block.parameters()):
        torch.nn.init.normal_(parameter, std=0.05)
    net.save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPVisionConfig

    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    CLIPModel(CLIPConfig(text_config=text_config().to_dict(), vision_config=vision.to_dict())).save_pretrained(folder)
    tokenizer(folder).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def blip(folder: Path) -> Path:
    import torch
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipTextConfig,
        BlipVisionConfig,
    )

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "boat", "sea", "sky", "hill", "a", "the"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    text = BlipTextConfig(
        vocab_size=len(words), hidden_size=32, encoder_hidden_size=32, intermediate_size=37, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64, bos_token_id=5, eos_token_id=3, sep_token_id=3,
        pad_token_id=0, projection_dim=32,
    )  # fmt: skip
    vision = BlipVisionConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def yolos(folder: Path) -> Path:
    """Finds something everywhere: its weights are random and its last layer is sure of everything."""
    import torch
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessorPil

    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37, image_size=[64, 64],
        patch_size=16, num_detection_tokens=3, id2label={0: "face", 1: "hand"}, label2id={"face": 0, "hand": 1},
    )  # fmt: skip
    model = YolosForObjectDetection(config)
    with torch.no_grad():
        model.class_labels_classifier.layers[-1].bias.copy_(torch.tensor([3.0, 0.0, -3.0]))
        model.bbox_predictor.layers[-1].bias.copy_(torch.tensor([0.0, 0.0, -0.5, -0.5]))
        model.bbox_predictor.layers[-1].weight.mul_(4)
    model.save_pretrained(folder)
    YolosImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def lora(path: Path, model: Path, seed: int = 0) -> Path:
    """Of the UNet's and the text encoder's attention, strong enough to be seen."""
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    torch.manual_seed(seed)
    base = StableDiffusionPipeline.from_pretrained(str(model), local_files_only=True)
    base.unet.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    base.text_encoder.add_adapter(
        LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=["q_proj", "v_proj"])
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(
        str(path.parent),
        unet_lora_layers=get_peft_model_state_dict(base.unet),
        text_encoder_lora_layers=get_peft_model_state_dict(base.text_encoder),
        weight_name=path.name,
    )
    return path


def kohya_lora(path: Path, model: Path) -> Path:
    """As most LoRAs come: the names that kohya's trainer writes."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    torch.manual_seed(5)
    unet = UNet2DConditionModel.from_pretrained(str(model / "unet"), local_files_only=True)
    sides = {
        f"lora_unet_{name.replace('.', '_')}": (part.in_features, part.out_features)
        for name, part in unet.named_modules()
        if name.endswith(("to_q", "to_k", "to_v", "to_out.0"))
    }
    sides |= {
        f"lora_te_text_model_encoder_layers_{layer}_self_attn_{part}": (32, 32)
        for layer in range(3)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj")
    }
    tensors = {}
    for name, (wide, high) in sides.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, wide) * 0.3
        tensors[f"{name}.lora_up.weight"] = torch.randn(high, 4) * 0.3
        tensors[f"{name}.alpha"] = torch.tensor(4.0)
    save_file(tensors, path, metadata={"ss_base_model_version": "sd_v1"})
    return path


def embedding(path: Path, vectors: int = 2) -> Path:
    import torch
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": torch.randn(vectors, 32, generator=torch.Generator().manual_seed(3))}, path)
    return path


def make_models(root: Path) -> Path:
    """A folder of everything."""
    sd_model(root / "toy", 1)
    sd_model(root / "other", 2)
    sdxl_model(root / "xl", 3)
    sdxl_model(root / "xl-refiner", 4, refiner=True)
    controlnet(root / "controlnet" / "lines")
    clip(root / "clip" / "small")
    blip(root / "blip" / "small")
    yolos(root / "detectors" / "faces")
    lora(root / "loras" / "bright.safetensors", root / "toy")
    kohya_lora(root / "loras" / "trained.safetensors", root / "toy")
    embedding(root / "embeddings" / "seaglow.safetensors")
    vae(9).save_pretrained(root / "vae" / "soft")
    return root
